"""Names the plugins of the suite; what they do is said in `fixtures/`."""

pytest_plugins = (
    "fixtures.stages",
    "fixtures.options",
    "fixtures.record",
    "fixtures.run",
    "fixtures.interruption",
    "fixtures.heartbeat",
    "fixtures.effects",
    "fixtures.redaction",
    "fixtures.terminal",
    "fixtures.plan",
    "fixtures.evidence",
    "fixtures.flow",
    "fixtures.results",
    "fixtures.target",
    "fixtures.flags",
    "fixtures.before",
    "fixtures.odd_requests",
    "fixtures.response_times",
    "fixtures.clients",
    "fixtures.signoff",
    "fixtures.deployment",
)

collect_ignore_glob = ["scripts/*"]  # the checklist names its commands test_*.py; they are not tests
