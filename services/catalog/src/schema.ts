import type { OutboxTable } from '@florilegium/db';
import type { ColumnType, Generated, JSONColumnType } from 'kysely';
import type { BadLineReport, ImportPhase, RunState, StagedExport } from './domain/import-run.ts';
import type { RowTest } from './domain/kept-rows.ts';
import type { KeptAs } from './domain/page.ts';
import type { Reuse } from './domain/reuse.ts';

type Count = ColumnType<number, number | undefined, number>;
type Moment = ColumnType<Date | null, Date | null | undefined, Date | null>;

interface ImportTable {
  id: string;
  source: string;
  idempotency_key: string | null;
  state: ColumnType<RunState, RunState | undefined, RunState>;
  reason: string | null;
  done_bytes: Count;
  total_bytes: Count;
  row_count: Count;
  page_count: Count;
  kept_page_count: Count;
  bad_line_count: Count;
  bad_lines: JSONColumnType<BadLineReport[], string | undefined>;
  type_counts: JSONColumnType<Record<string, number>, string | undefined>;
  outside_type_counts: JSONColumnType<Record<string, number>, string | undefined>;
  candidate_counts: JSONColumnType<Record<string, number>, string | undefined>;
  new_page_count: Count;
  changed_page_count: Count;
  vanished_page_count: Count;
  with_names: Generated<boolean>;
  phase: Generated<ImportPhase | ''>;
  bytes_per_second: Count;
  rows_per_second: Count;
  kept_by: JSONColumnType<RowTest[], string | undefined>;
  staged: JSONColumnType<StagedExport | null, string | null | undefined, string | null>;
  created_at: ColumnType<Date, Date | undefined, never>;
  started_at: Moment;
  ended_at: Moment;
}

interface ItemTable {
  item_id: number;
  bar_code: string;
  title_ids: number[];
  volume: string;
  year: string;
  institution_name: string;
  copyright_status: string;
  rights_statement: string;
  license_type: string;
  rights_holder: string;
  reuse: Reuse;
}

interface TitleTable {
  title_id: number;
  full_title: string;
  short_title: string;
  publication_details: string;
  start_year: string;
  end_year: string;
  language_code: string;
  author: string;
  title_url: string;
  creators: string;
}

interface PageTable {
  page_id: number;
  item_id: number | null;
  sequence: number | null;
  year: string;
  volume: string;
  issue: string;
  rows: JSONColumnType<[string, string, string][]>;
  neighbour_ids: number[];
  neighbour_sequences: number[];
  kept_as: KeptAs;
}

interface PartTable {
  part_id: number;
  title: string;
  container_title: string;
  date: string;
  page_range: string;
  rights_status: string;
  rights_statement: string;
  license_name: string;
  license_url: string;
  rights_holder: string;
  reuse: Reuse;
}

interface PagePartTable {
  page_id: number;
  part_id: number;
}

interface PageNameTable {
  page_id: number;
  names: string[];
}

interface CandidateRuleTable {
  id: Generated<number>;
  name: string;
  version: number;
  hash: string;
  definition: JSONColumnType<object>;
  judged: Generated<boolean>;
  created_at: Generated<Date>;
}

interface CandidateTable {
  rule_id: number;
  page_id: number;
}

interface PageSetTable {
  id: string;
  name: string;
  rule_id: number;
  parameters: JSONColumnType<object>;
  page_count: number;
  item_count: number;
  created_at: Generated<Date>;
}

interface PageSetPageTable {
  page_set_id: string;
  page_id: number;
}

export interface CatalogSchema extends OutboxTable {
  import: ImportTable;
  item: ItemTable;
  title: TitleTable;
  page: PageTable;
  part: PartTable;
  page_part: PagePartTable;
  page_name: PageNameTable;
  candidate_rule: CandidateRuleTable;
  candidate: CandidateTable;
  page_set: PageSetTable;
  page_set_page: PageSetPageTable;
}
