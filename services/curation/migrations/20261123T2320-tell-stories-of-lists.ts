import { type Kysely, sql } from 'kysely';

/**
 * A list keeps the stories of its pages as they were when it was frozen, so that what is read of it never changes, and answers a gallery
 * without asking a neighbour. Each page has its place in the list. Lists made elsewhere may be imported: they have no model, no scores.
 */
export async function up(kysely: Kysely<unknown>): Promise<void> {
  const run = (text: string) => sql.raw(text).execute(kysely);
  await run(`
    alter table hq_list
      add origin text not null default 'published' check (origin in ('published', 'imported')),
      add source text,
      add target_precision double precision,
      add expected_precision double precision,
      add expected_precision_low double precision,
      add image_pending_count integer,
      add image_unavailable_count integer,
      add not_candidate_count integer,
      add unknown_page_count integer,
      add rule_version integer,
      add rule_sha256 text,
      add object_key text,
      add score_bins jsonb,
      alter threshold drop not null,
      alter iteration_number drop not null,
      alter ensemble_id drop not null,
      alter model_sha256 drop not null,
      alter label_set_id drop not null,
      alter label_set_sha256 drop not null,
      drop constraint hq_list_state_check,
      add constraint hq_list_state_check
        check (state in ('importing', 'predicting', 'auditing', 'published', 'withdrawn', 'failed')),
      add constraint hq_list_audited_only_by_audit check (figures is null or audit_count > 0),
      add constraint hq_list_model_unless_imported check (origin = 'imported' or ensemble_id is not null)`);

  await run('alter table hq_list_page disable trigger append_only');
  await run(`
    alter table hq_list_page
      add ordinal integer,
      alter probability drop not null,
      drop constraint hq_list_page_chosen_by_check,
      add constraint hq_list_page_chosen_by_check check (chosen_by in ('label', 'score', 'import'))`);
  await run(`
    update hq_list_page page set ordinal = numbered.ordinal
    from (
      select hq_list_id, page_id, row_number() over (partition by hq_list_id order by page_id) - 1 as ordinal
      from hq_list_page) numbered
    where numbered.hq_list_id = page.hq_list_id and numbered.page_id = page.page_id`);
  await run('alter table hq_list_page alter ordinal set not null, add unique (hq_list_id, ordinal)');
  await run('alter table hq_list_page enable trigger append_only');

  await run(`
    create table hq_list_story (
      hq_list_id uuid not null,
      page_id integer not null,
      item_id integer,
      title_id integer,
      title text not null,
      authors text not null,
      year text not null,
      year_from integer,
      volume text not null,
      place text not null,
      names text[] not null,
      rights text not null,
      license text not null,
      reuse text not null,
      citation text not null,
      work_folded text not null,
      names_folded text not null,
      width integer,
      height integer,
      primary key (hq_list_id, page_id)
    )`);
}
