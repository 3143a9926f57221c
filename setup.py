"""Refuse to build what could not run: checks, fixtures and commands live in the checkout, not in a package."""

from tempfile import TemporaryDirectory

from setuptools import setup
from setuptools.command.bdist_wheel import bdist_wheel


class Refused(bdist_wheel):
    """A plain `pip install .`; an editable install does not come here."""

    def run(self) -> None:
        """Say what to do instead."""
        raise SystemExit(
            "REFUSED: install the checkout itself, as the checks are run from it: pip install --editable ."
        )


# Beside the library, its metadata would let pytest take each module of it for a plugin's, and load it more slowly.
with TemporaryDirectory() as elsewhere:
    setup(cmdclass={"bdist_wheel": Refused}, options={"egg_info": {"egg_base": elsewhere}})
