"""The run's clock, not the watchdog's, stands an hour before the end of the maintenance window."""

from datetime import UTC, datetime, timedelta

import time_machine

from acceptance.target.window import Window

time_machine.travel(Window().next(datetime.now(UTC)).end - timedelta(hours=1), tick=True).start()
