"""Whether the DAG is whole: `astro dev pytest`, or `python3 -m unittest discover -s tests/dags` where Airflow is installed."""

import unittest
from datetime import datetime, timedelta, timezone
from pathlib import Path
from types import SimpleNamespace

from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import timezone as times
from airflow.sdk.execution_time import macros

DAGS = Path(__file__).resolve().parents[2] / "dags"
BAG = DagBag(str(DAGS))
DAG = BAG.dags["flowguard_daily_etl"] if not BAG.import_errors else None
TABLES = {
    "silver_orders_clean",
    "silver_clicks_clean",
    "silver_user_sessions",
    "gold_ad_attribution",
    "gold_daily_gmv_metrics",
    "gold_food_item_performance",
    "gold_hourly_order_patterns",
    "gold_user_cohort_metrics",
    "gold_user_funnel_metrics",
}


def at(text):
    return times.parse(text, timezone=timezone.utc) if text else None


def day_made(logical_date, run_after, date=None):
    """As the commands name it: what their template comes to in such a run."""
    template = DAG.get_task("quality").bash_command.split("--date ")[1]
    run = SimpleNamespace(logical_date=at(logical_date), run_after=at(run_after))
    return DAG.get_template_env().from_string(template).render(params={"date": date}, dag_run=run, macros=macros)


class Imported(unittest.TestCase):
    def test_without_errors(self):
        self.assertEqual(BAG.import_errors, {})
        self.assertEqual(list(BAG.dags), ["flowguard_daily_etl"])


class Structure(unittest.TestCase):
    def test_it_runs_at_one_utc_one_day_at_a_time(self):
        interval = DAG.timetable
        self.assertEqual(type(interval).__name__, "CronDataIntervalTimetable")
        self.assertEqual((interval.expression, str(interval.timezone)), ("0 1 * * *", "UTC"))
        self.assertEqual((DAG.catchup, DAG.max_active_runs, DAG.max_active_tasks), (False, 1, 1))

    def test_every_task_is_there_and_waits_for_what_it_needs(self):
        self.assertEqual(set(DAG.task_ids), TABLES | {"bronze_ready", "export", "late_days", "quality", "reconcile"})
        upstream = {task.task_id: task.upstream_task_ids for task in DAG.tasks}
        self.assertEqual(upstream["bronze_ready"], set())
        for table in TABLES:
            reads = {each for each in upstream[table] if each in TABLES}
            self.assertEqual(upstream[table], reads or {"bronze_ready"}, table)
            # Gold is made from silver alone.
            self.assertTrue(all(each.startswith("silver_") for each in reads), table)
        self.assertEqual(upstream["late_days"], TABLES)
        self.assertEqual(upstream["quality"], TABLES)
        self.assertEqual(upstream["reconcile"], TABLES | {"quality"})
        self.assertEqual(upstream["export"], TABLES | {"quality"})
        # A run fails where one of these does.
        self.assertEqual({task.task_id for task in DAG.leaves}, {"export", "late_days", "reconcile"})

    def test_every_task_is_tried_again_and_ends_some_day(self):
        for task in DAG.tasks:
            self.assertEqual(task.retries, 3, task.task_id)
            self.assertTrue(task.retry_exponential_backoff, task.task_id)
            self.assertLessEqual(task.execution_timeout, timedelta(hours=2), task.task_id)
            self.assertEqual(task.max_active_tis_per_dag, 1, task.task_id)
            self.assertFalse(task.depends_on_past, task.task_id)

    def test_every_task_is_one_command_of_the_day(self):
        for task in DAG.tasks:
            self.assertTrue(task.bash_command.startswith("${FLOWGUARD_COMMAND:?"), task.task_id)
            if task.task_id not in ("export", "late_days"):
                self.assertEqual(task.bash_command.count("--date "), 1, task.task_id)
            if task.task_id in TABLES:
                self.assertIn(f"--table {task.task_id.replace('_', '.', 1)} ", task.bash_command)

    def test_it_waits_for_bronze_without_taking_a_place(self):
        ready = DAG.get_task("bronze_ready")
        self.assertEqual((ready.mode, ready.retry_exit_code, ready.poke_interval), ("reschedule", 1, 60))


class Day(unittest.TestCase):
    def test_a_scheduled_run_makes_the_day_before(self):
        self.assertEqual(day_made("2026-03-01T01:00:00Z", "2026-03-02T01:00:00Z"), "2026-03-01")

    def test_a_backfill_and_dags_test_make_the_day_that_is_named(self):
        self.assertEqual(day_made("2026-03-01T00:00:00Z", "2026-11-22T09:00:00Z"), "2026-03-01")

    def test_a_run_by_hand_makes_yesterday(self):
        self.assertEqual(day_made("2026-03-02T09:00:00Z", "2026-03-02T09:00:00Z"), "2026-03-01")
        self.assertEqual(day_made(None, "2026-03-02T00:00:00Z"), "2026-03-01")

    def test_or_the_day_that_it_was_given(self):
        self.assertEqual(day_made("2026-03-02T09:00:00Z", "2026-03-02T09:00:00Z", "2026-01-31"), "2026-01-31")


if __name__ == "__main__":
    unittest.main()
