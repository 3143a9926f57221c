"""supervisord.conf of a lab: every program is kept, restarted when it ends, and logged to its own file."""

import shlex

from lab.layout import Layout
from lab.programs import Program


def config(layout: Layout, programs: list[Program]) -> str:
    """Write supervisord.conf: every program restarts when it ends, and logs to its own file."""
    head = (
        f"[unix_http_server]\nfile={layout.control}\nchmod=0700\n"
        f"[supervisorctl]\nserverurl=unix://{layout.control}\n"
        f"[supervisord]\nnodaemon=true\nlogfile={layout.log('supervisord')}\nlogfile_maxbytes=0\nsilent=true\n"
        f"pidfile={layout.run}/supervisord.pid\nchildlogdir={layout.logs}\n"
        "[rpcinterface:supervisor]\n"
        "supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface\n"
    )
    sections = "".join(_section(layout, program) for program in programs)
    # A group starts and stops its members side by side; the higher priority starts later and stops earlier.
    butler = [program.name for program in programs if program.name.startswith("butler-")]
    others = [program.name for program in programs if program.name not in butler]
    groups = f"[group:infra]\nprograms={','.join(others)}\npriority=100\n"
    return head + sections + groups + f"[group:butler]\nprograms={','.join(butler)}\npriority=200\n"


def _section(layout: Layout, program: Program) -> str:
    variables = {"LAB_HOME": str(layout.home), **program.environment}
    environment = ",".join(f'{key}="{_escaped(value)}"' for key, value in variables.items())
    return (
        f"[program:{program.name}]\ncommand={_escaped(shlex.join(program.command))}\n"
        f"directory={_escaped(str(program.folder or layout.work))}\nenvironment={environment}\n"
        "autorestart=true\nstartsecs=1\nstartretries=2\n"
        "stopwaitsecs=5\nstopasgroup=true\nkillasgroup=true\n"
        f"redirect_stderr=true\nstdout_logfile={layout.log(_log_of(program.name))}\nstdout_logfile_maxbytes=0\n"
    )


def _log_of(program: str) -> str:
    """Name the log of a program; instances of one write to the same."""
    return program.rstrip("-12") if program.startswith("butler-") else program


def _escaped(text: str) -> str:
    return text.replace("%", "%%")
