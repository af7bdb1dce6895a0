"""Airflow: one task a day; it fails on an alarm and is skipped where evidence is missing."""

from datetime import UTC, datetime

from airflow import DAG
from airflow.providers.standard.operators.bash import BashOperator

with DAG(
    dag_id="segqc_monitor",
    schedule="15 5 * * *",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,  # one run reads all that is new, however many slots were missed
    max_active_runs=1,
):
    BashOperator(
        task_id="monitor_run",
        cwd="/var/lib/segqc",
        bash_command=(
            "segqc monitor run --log sqlite:///log.db --calibration calibration --wait 60"
        ),
        env={"DO_NOT_TRACK": "1", "OMP_NUM_THREADS": "1"},
        append_env=True,
        skip_on_exit_code=11,
        retries=0,  # exit code 10 is a finding: a retry would only find it again
    )
