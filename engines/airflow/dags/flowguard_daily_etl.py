"""
### FlowGuard: silver and gold, once a day

At 01:00 UTC the day before is made: each table by the command that a person would use. Every command may be run again, gives the same rows, and is
refused or waits its turn where it must. So a task can be cleared, and a day run again, at any time.

| task | command |
| --- | --- |
| `bronze_ready` | waits until all of the day that the log holds is loaded: `flowguard etl ready` |
| `silver_…`, `gold_…` | makes one table's rows of the day, and of the days that hang on it, with their checks: `flowguard etl run --table` |
| `quality` | whatever became of the tables, names the checks that stop and have failed for the day, and fails then: `flowguard etl checks` |
| `reconcile` | holds the stream's answers and charges against the warehouse, and fails where a difference of the day is unexplained, found now or before: mark it as a success once somebody has looked: `flowguard reconcile` |
| `export` | brings what dashboards read to what gold has now: `flowguard warehouse export`; on Snowflake they read gold itself, and it has little to do |
| `late_days` | makes older days that got rows since they were made, or were never made: `flowguard etl backfill --resume` |

**Which day**: that of the run's logical date, and never one that is not over: a run without a logical date, or with today's, makes yesterday. The parameter
`date` overrules both.

**Settings**, in the environment of whoever runs the tasks: `FLOWGUARD_COMMAND`, how FlowGuard is called (`node …/packages/pipeline/bin/flowguard.mjs`);
`OPS_URL`, where FlowGuard's operations answer, and `WRITE_KEY`, a key of it; or `DATA_DIR`, where its data folder is on this machine. FlowGuard itself runs
with `ETL=off`, so that it does not make the days besides.

**Days in order**: runs of the schedule come one at a time, the older first. `depends_on_past` is not set: with one run at a time, a day that was cleared would
wait for the run of a day that waits for it. FlowGuard itself makes again what hangs on a day, in whatever order they are made. A day that fails keeps no other
day from being made; FlowGuard alerts.
"""

from datetime import datetime, timedelta

from airflow.providers.standard.operators.bash import BashOperator
from airflow.providers.standard.sensors.bash import BashSensor
from airflow.sdk import DAG, CronDataIntervalTimetable, Param

# Each table, and those that it is made from: what the headers of packages/pipeline/models say.
TABLES = {
    "silver.orders_clean": [],
    "silver.clicks_clean": [],
    "silver.user_sessions": ["silver.clicks_clean", "silver.orders_clean"],
    "gold.ad_attribution": ["silver.clicks_clean", "silver.orders_clean"],
    "gold.daily_gmv_metrics": ["silver.orders_clean"],
    "gold.food_item_performance": ["silver.clicks_clean", "silver.orders_clean"],
    "gold.hourly_order_patterns": ["silver.orders_clean"],
    "gold.user_cohort_metrics": ["silver.orders_clean"],
    "gold.user_funnel_metrics": ["silver.clicks_clean", "silver.orders_clean", "silver.user_sessions"],
}

DAY = (
    "{{ params.date or"
    " [dag_run.logical_date or dag_run.run_after, dag_run.run_after - macros.timedelta(days=1)] | min | ds }}"
)
# A run of somebody else's may be at work: FlowGuard does one at a time.
TURN_SECONDS = 3_600


def flowguard(arguments: str) -> str:
    return '${FLOWGUARD_COMMAND:?is not set: how FlowGuard is called} ' + arguments


with DAG(
    dag_id="flowguard_daily_etl",
    description="Silver and gold of FlowGuard, checked and reconciled, a day at a time",
    doc_md=__doc__,
    schedule=CronDataIntervalTimetable("0 1 * * *", timezone="UTC"),
    start_date=datetime(2017, 1, 1),
    catchup=False,
    max_active_runs=1,
    # FlowGuard makes one table at a time.
    max_active_tasks=1,
    params={
        "date": Param(None, type=["null", "string"], format="date", description="the UTC day to make, instead of the run's"),
    },
    default_args={
        "owner": "flowguard",
        "retries": 3,
        "retry_delay": timedelta(minutes=1),
        "retry_exponential_backoff": True,
        "max_retry_delay": timedelta(minutes=30),
        "execution_timeout": timedelta(hours=2),
        # A backfill has its own number of runs at once: of each table, one day at a time all the same.
        "max_active_tis_per_dag": 1,
    },
    tags=["flowguard"],
) as dag:
    bronze_ready = BashSensor(
        task_id="bronze_ready",
        bash_command=flowguard(f"etl ready --date {DAY}"),
        # 1: not yet, or FlowGuard does not answer. Anything else is no use to try again.
        retry_exit_code=1,
        mode="reschedule",
        poke_interval=60,
        timeout=timedelta(hours=6).total_seconds(),
    )
    made = {
        table: BashOperator(
            task_id=table.replace(".", "_"),
            bash_command=flowguard(f"etl run --date {DAY} --table {table} --wait {TURN_SECONDS}"),
        )
        for table in TABLES
    }
    for table, reads in TABLES.items():
        made[table].set_upstream([made[read] for read in reads] or bronze_ready)
    late_days = BashOperator(task_id="late_days", bash_command=flowguard(f"etl backfill --resume --wait {TURN_SECONDS}"))
    # A check that stops fails its table's task: whatever became of those, this one says which it was.
    quality = BashOperator(task_id="quality", bash_command=flowguard(f"etl checks --date {DAY}"), trigger_rule="all_done")
    reconcile = BashOperator(task_id="reconcile", bash_command=flowguard(f"reconcile --date {DAY}"))
    # A run of single tables is followed by none; that of `late_days` is.
    export = BashOperator(task_id="export", bash_command=flowguard("warehouse export"))
    # An older day that cannot be made fails the run, and keeps this day's from nothing.
    list(made.values()) >> late_days
    list(made.values()) >> quality
    # Not where a table was not made. A run's state is that of the tasks that nothing waits for: these, and `late_days`.
    [*made.values(), quality] >> reconcile
    [*made.values(), quality] >> export
