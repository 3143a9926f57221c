"""A check that is not good ends no stage, as in a survey: one switch of its flag shows several faults."""

from unittest.mock import patch

from acceptance.stages.flow import Flow

patch.object(Flow, "end").start()
