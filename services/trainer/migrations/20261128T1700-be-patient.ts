import { addPatienceToWorkTable } from '@florilegium/work';
import type { Migration } from 'kysely/migration';

export const bePatient: Migration = { up: addPatienceToWorkTable };
