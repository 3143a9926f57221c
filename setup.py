"""Refuse to build what could not run: checks, fixtures and commands live in the checkout, not in a package."""

from setuptools import setup
from setuptools.command.bdist_wheel import bdist_wheel


class Refused(bdist_wheel):
    """A plain `pip install .`; an editable install does not come here."""

    def run(self) -> None:
        """Say what to do instead."""
        raise SystemExit(
            "REFUSED: install the checkout itself, as the checks are run from it: pip install --editable ."
        )


setup(cmdclass={"bdist_wheel": Refused})
