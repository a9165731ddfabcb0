//! What is left of a question when its newest partition did not answer it: all other partitions, by one statement.
//!
//! Planning a statement over a year of partitions takes several times as long as running it. So it is planned once in a
//! session, for whatever value is asked (a generic plan); the partitions of other times are left out when it runs. Such a plan knows
//! nothing of the values, and must not have to choose: the columns of all terms but one are kept from their indexes. Where
//! several terms have indexes, the first leads of which there are few rows. Where of none, the latest few of the first are looked at.
//! When they do not make a page, or the statement has to wait, `None` says so, and plans for the values are made, a few partitions
//! at a time.

use sqlx::postgres::PgRow;
use sqlx::{Connection as _, QueryBuilder};

use super::{COLUMNS, Transaction, has_code, ran_out_of_time};
use crate::Row;
use crate::query::filter::{Condition, Term, TextColumn};
use crate::query::plan::Plan;
use crate::query::spans::Span;
use crate::query::{Cursor, sql};
use crate::store::StoreError;

/// Most partitions that one statement looks into: as many as retention leaves, and those made ahead of time. Each takes a lock.
const MOST_PARTITIONS: usize = 64;
/// So many rows are few, that is, each may be looked at.
const FEW: i64 = 2_500;

/// What the planner does not know of a value it makes up. By what it makes up, rows alone count, not how they lie in the files;
/// and no partition is read through because it was small when the plan was made. Rows are read in the order of an index, as
/// many as the page takes, where sorting all looks as cheap to who expects one row. A partition that is being dropped, or rows
/// that are many after all, are left to other statements soon.
const BEGIN: &str = "SAVEPOINT rest; \
     SET LOCAL plan_cache_mode = force_generic_plan; \
     SET LOCAL enable_seqscan = off; \
     SET LOCAL enable_sort = off; \
     SET LOCAL seq_page_cost = 0; \
     SET LOCAL random_page_cost = 0; \
     SET LOCAL lock_timeout = '200ms'; \
     SET LOCAL statement_timeout = '1s'";
const GIVE_UP: &str = "ROLLBACK TO SAVEPOINT rest";

/// What is said of a prepared statement whose result has other types or collations by now: `feature_not_supported`.
const CHANGED: [&str; 1] = ["0A000"];

/// A plan, led by a term.
enum Lead<'a> {
    /// All rows that meet the term may be looked at, or there is no other.
    Few(Plan<'a>),
    Many(Plan<'a>),
}

impl Transaction<'_> {
    pub(super) async fn read_rest(
        &mut self,
        plan: &Plan<'_>,
        span: Span,
        place: Option<Cursor>,
        limit: usize,
    ) -> Result<Option<Vec<Row>>, StoreError> {
        if !self.session.keeps_statements || self.bounds().await?.len() > MOST_PARTITIONS {
            return Ok(None);
        }
        let Some(leads) = plan.leads() else { return Ok(None) };
        self.execute(BEGIN).await?;
        let table = self.reader.table();
        let rows = match self.lead(plan, &leads, span).await? {
            Some(Lead::Few(plan)) => self.fetch_prepared(select_rest(&table, &plan, span, place, limit)).await?,
            Some(Lead::Many(plan)) => {
                let rows = self.fetch_prepared(select_among_few(&table, &plan, span, place, limit)).await?;
                rows.filter(|rows| rows.len() == limit)
            }
            None => None,
        };
        let Some(rows) = rows else {
            self.execute(GIVE_UP).await?;
            return Ok(None);
        };
        rows.iter().map(|row| sql::row(row, |error| self.reader.failed(error))).collect::<Result<_, _>>().map(Some)
    }

    /// The plan, led by the term that fewest rows meet; `None` where that could not be found out in time.
    async fn lead<'a>(
        &mut self,
        plan: &Plan<'a>,
        leads: &[&'a Term],
        span: Span,
    ) -> Result<Option<Lead<'a>>, StoreError> {
        match leads {
            [] => return Ok(Some(Lead::Few(plan.clone().led()))),
            [only] => return Ok(Some(Lead::Few(plan.led_by(only)))),
            // An id is one row's.
            [id, ..] if matches!(id.condition, Condition::Id(_)) => return Ok(Some(Lead::Few(plan.led_by(id)))),
            _ => {}
        }
        for lead in leads {
            let alone = plan.led_by(lead).first_alone();
            let mut count = sql::select("count(*) FROM (SELECT", &self.reader.table(), &alone, span, None);
            count.push(format_args!(" LIMIT {}) AS few", FEW + 1));
            let Some(rows) = self.fetch_prepared(count).await? else { return Ok(None) };
            if sql::count(&rows).map_err(|error| self.reader.failed(error))? <= FEW.unsigned_abs() {
                return Ok(Some(Lead::Few(plan.led_by(lead))));
            }
        }
        Ok(leads.iter().find(|lead| is_in_order(lead)).map(|lead| Lead::Many(plan.led_by(lead))))
    }

    async fn execute(&mut self, statements: &'static str) -> Result<(), StoreError> {
        let done = sqlx::raw_sql(statements).execute(&mut self.session.connection).await;
        done.map(drop).map_err(|error| self.reader.failed(error))
    }

    /// The session keeps the statement, and its plan.
    async fn fetch_prepared(
        &mut self,
        mut statement: QueryBuilder<sqlx::Postgres>,
    ) -> Result<Option<Vec<PgRow>>, StoreError> {
        match statement.build().fetch_all(&mut self.session.connection).await {
            Ok(rows) => Ok(Some(rows)),
            Err(error) if ran_out_of_time(&error) => Ok(None),
            // A migration changed the log under a statement that is kept. Next time it is prepared anew.
            Err(error) if has_code(&error, &CHANGED) => {
                let cleared = self.session.connection.clear_cached_statements().await;
                cleared.map(|()| None).map_err(|error| self.reader.failed(error))
            }
            Err(error) => Err(self.reader.failed(error)),
        }
    }
}

fn select_rest(
    table: &str,
    plan: &Plan<'_>,
    span: Span,
    place: Option<Cursor>,
    limit: usize,
) -> QueryBuilder<sqlx::Postgres> {
    let mut statement = if plan.terms.first().is_some_and(|lead| is_in_order(lead)) || plan.terms.is_empty() {
        sql::select(COLUMNS, table, plan, span, place)
    } else {
        // For the order's sake the planner would go by the time.
        let mut statement = sql::select(&format!("{COLUMNS} FROM (SELECT *"), table, plan, span, place);
        statement.push(" OFFSET 0) AS found");
        statement
    };
    sql::push_order(&mut statement, plan.travel, i64::try_from(limit).unwrap_or(i64::MAX));
    statement
}

/// As [`select_rest`], of the first few rows alone that meet the leading term, in whose order its index has them.
fn select_among_few(
    table: &str,
    plan: &Plan<'_>,
    span: Span,
    place: Option<Cursor>,
    limit: usize,
) -> QueryBuilder<sqlx::Postgres> {
    let mut statement = sql::select(&format!("{COLUMNS} FROM (SELECT *"), table, &plan.first_alone(), span, place);
    sql::push_order(&mut statement, plan.travel, FEW);
    statement.push(") AS few WHERE TRUE");
    sql::push_terms(&mut statement, plan);
    sql::push_order(&mut statement, plan.travel, i64::try_from(limit).unwrap_or(i64::MAX));
    statement
}

/// Whether the term's index has its rows in the order of time.
const fn is_in_order(lead: &Term) -> bool {
    !matches!(lead.condition, Condition::Id(_) | Condition::Text(TextColumn::RequestId, _))
}
