"""
For tests: prepares Superset, and has it answer every chart's stored question; prints what came of each as JSON, one a line.

    python3 ask.py FILES        with what prepare.py wants
"""

import json
import os
import sys
from pathlib import Path

from prepare import ADMIN, create_app, prepare


def answers():
    from superset import db, security_manager
    from superset.charts.schemas import ChartDataQueryContextSchema
    from superset.commands.chart.data.get_data_command import ChartDataCommand
    from superset.models.slice import Slice
    from superset.utils import json as superset_json
    from superset.utils.core import override_user

    with override_user(security_manager.find_user(ADMIN)):
        for chart in db.session.query(Slice).order_by(Slice.slice_name):
            answer = {"chart": chart.slice_name, "dashboards": [str(each) for each in chart.dashboards]}
            try:
                command = ChartDataCommand(ChartDataQueryContextSchema().load(json.loads(chart.query_context)))
                command.validate()
                answer["queries"] = [{key: query[key] for key in ("query", "data", "error")} for query in command.run()["queries"]]
            except Exception as error:  # noqa: BLE001
                answer["error"] = f"{type(error).__name__}: {error}"
            yield superset_json.dumps(answer, default=superset_json.json_iso_dttm_ser)


if __name__ == "__main__":
    with create_app().app_context():
        prepare(Path(sys.argv[1]), os.environ["FLOWGUARD_DATABASE_URI"], os.environ["FLOWGUARD_ADMIN_PASSWORD"])
        for line in answers():
            print(line)
