"""What the target file of a lab of another shape says besides addresses, and the script that proves a restart."""

import sys
from collections.abc import Mapping

from lab.shape import Shape

_KEYS = {"BOT": "butler-bot", "WORKER": "butler-worker", "API": "butler-api"}
_ROUTES = {"BOT": "/api/v1/dialog", "WORKER": "/h", "API": "/api/v1/reviews"}
_TARGETS = {"BOT": "butler", "WORKER": "workers", "API": "api", "ALL": "all"}

STARTED = """\
'''Print when a program of this lab was started, as its supervisor knows it: no service exports it.'''
import sys, xmlrpc.client
from supervisor.xmlrpc import SupervisorTransport
transport = SupervisorTransport(None, None, serverurl="unix://{control}")
supervisor = xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport).supervisor
for told in supervisor.getAllProcessInfo():
    if told["name"] in sys.argv and told["statename"] == "RUNNING":
        print(told["start"])
"""


def differing(
    shape: Shape, infra: str, work: str, prometheus_port: int, logins: Mapping[str, str]
) -> dict[str, object]:
    """Give the keys by which a target file tells this shape from the checklist's."""
    if shape.plain:
        return {}
    login = "{}:{}@".format(*shape.prometheus_login) if shape.prometheus_login else ""
    values: dict[str, object] = {
        "PROMETHEUS_URL": f"{shape.prometheus_scheme}://{login}127.0.0.1:{prometheus_port}{shape.prometheus_path}",
        "PROMETHEUS_CONFIG": f"{infra}/prometheus/{shape.prometheus_config}",
        "SCRAPE_INTERVAL_SECONDS": shape.scrape_s,
        "AUTHENTICATION": "required",
        **logins,
        "STUDENT_IDS": "numeric",
        "TRACE_HEADER": "",
        "LOG_SHOWS": "requests",
        "KNOWN_WRITERS": f"{work}/*.log",
        "METRIC_NAMES": _pairs(shape.metrics),
        "METRIC_LABELS": _pairs(shape.labels),
        "METRIC_VALUES": _pairs(shape.values),
        "MONGODB_DATABASE": shape.database,
        "MONGODB_COLLECTIONS": _pairs(shape.collections),
        "MONGODB_FIELDS": _pairs(shape.documents),
        **{f"{flag}_SHOWN_BY": how for flag, how in shape.shown_by.items()},
        "RUNNING_COMMIT": f"metric:{shape.told('butler_build_info')}:commit",
    }
    for key, name in _TARGETS.items():
        values[f"RESTART_{key}"] = f"make {shape.restarts[f'day-12-restart-{name}']}"
    for key, program in _KEYS.items():
        values[f"{key}_NAME"] = values[f"{key}_JOB"] = shape.name(program)
        values[f"{key}_LOG_FORMAT"] = shape.logs[program]
        values[f"{key}_STARTED"] = f"command:{sys.executable} {infra}/started.py {' '.join(shape.instances(program))}"
        values[f"{key}_FIELDS"] = _pairs({**shape.fields[program], **dict.fromkeys(shape.without, "")})
        values[f"{key}_ROUTES"] = _pairs({t: o for t, o in shape.routes.items() if t.startswith(_ROUTES[key])})
    return values


def _pairs(names: Mapping[str, str]) -> str:
    return " ".join(f"{theirs}={ours}" for theirs, ours in names.items())
