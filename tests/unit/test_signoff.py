"""Sign-offs and waivers: who may give them, until when they count, and how a person is asked."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from acceptance.checklist import accepts, load_items
from acceptance.people import same_person
from acceptance.signoff import SignOffs, Waiver, interview, objection
from acceptance.signoff_file import load_sign_offs
from acceptance.verdict import Refused

NOW = datetime(2026, 11, 28, 3, tzinfo=UTC)
SIGNED = '[[signoff]]\nitem = "21_01c.deploy.1"\nname = "R. Rivera"\nat = 2026-11-28T02:05:00Z\n'
WAIVED = '[[waiver]]\nitem = "pre.technical.7"\nreason = "scanner down"\napprover = "T. Lead"\nexpires = 2026-12-01\n'


@pytest.fixture
def load(tmp_path):
    """Read a text as a sign-off file of operator M. Olsen's run for CHG-1."""

    def read(text):
        path = tmp_path / "signs.toml"
        path.write_text(text)
        return load_sign_offs(path, "M. Olsen", "CHG-1", NOW)

    return read


def test_a_file_gives_what_it_says(load):
    found = load(f'ticket = "CHG-1"\n{SIGNED}note = "PR 812"\n{WAIVED}')
    assert (found.given["21_01c.deploy.1"].name, found.given["21_01c.deploy.1"].note) == ("R. Rivera", "PR 812")
    assert found.waiver("pre.technical.7", date(2026, 12, 1)).approver == "T. Lead"


def test_file_of_a_production_deployment_names_its_ticket(tmp_path):
    path = tmp_path / "signs.toml"
    path.write_text(SIGNED)
    with pytest.raises(Refused, match='expected ticket = "CHG-1"'):
        load_sign_offs(path, "M. Olsen", "CHG-1", NOW, needs_ticket=True)


def test_who_entered_a_sign_off_is_told_with_the_login_before_sudo(load, monkeypatch):
    monkeypatch.setenv("LOGNAME", "root")
    monkeypatch.setenv("SUDO_USER", "rivera")
    found = load(SIGNED)
    [given] = found.given.values()
    assert found.by(given).startswith("signs.toml of ")
    assert found.by(given).endswith(", read by root (sudo by rivera)")
    assert found.by(replace(given)) == "root (sudo by rivera)", "typed at the terminal"


def test_no_file_is_no_sign_off():
    assert load_sign_offs(None, "M. Olsen") == SignOffs({}, {})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[signoff]\n", "expected \\[\\[signoff\\]\\]"),
        ("[[sign-off]]\nitem='x'\n", "found sign-off"),
        (SIGNED.replace("R. Rivera", " "), "a sign-off needs a person's name"),
        (SIGNED.replace("R. Rivera", "n/a"), "a sign-off needs a person's name, found 'n/a'"),
        (WAIVED.replace("T. Lead", "TBD"), "a waiver needs a reason and an approver"),
        (SIGNED.replace('"R. Rivera"', "7"), "expected texts in quotes, found \\[7\\]"),
        (SIGNED.replace("2026", "2020"), "expected a signature of the last 30 days"),
        (SIGNED.replace("02:05:00Z", "02:05:00"), "expected at = a time with its zone"),
        (SIGNED.replace("02:05", "03:05"), "which is still to come"),
        (SIGNED.replace("deploy.1", "deploy.9"), "nearest: 21_01c.deploy"),
        (SIGNED + SIGNED, "signed off more than once"),
        (SIGNED.replace("deploy.1", "exit.1").replace("R. Rivera", "m.  OLSEN"), "cannot accept it"),
        (f'ticket = "CHG-2"\n{SIGNED}', "it is for ticket CHG-2, and this run is for CHG-1"),
        (WAIVED.replace("scanner down", ""), "a waiver needs a reason"),
        (WAIVED.replace("T. Lead", ""), "a waiver needs a reason and an approver"),
        (WAIVED.replace("T. Lead", "M. Olsen"), "cannot approve a waiver of the own run"),
        (WAIVED.replace("2026-12-01", '"soon"'), "expected expires = a date"),
        (WAIVED.replace("2026-12-01", "2026-12-01T00:00:00Z"), "expected expires = a date"),
        (WAIVED.replace("expires = 2026-12-01\n", ""), "expires"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_refused_and_named(load, text, said):
    with pytest.raises(Refused, match=said):
        load(text)


def test_every_fault_is_told_at_once(load):
    with pytest.raises(Refused, match=r"needs a person's name.*cannot approve"):
        load(SIGNED.replace("R. Rivera", "") + WAIVED.replace("T. Lead", "M. Olsen"))


def test_the_operator_may_confirm_what_was_done_but_accept_nothing():
    assert objection("21_01c.deploy.1", "M. Olsen", "M. Olsen") == ""
    assert "somebody else" in objection("21_01c.exit.1", "M. Olsen", "M. Olsen")
    assert objection("21_01c.exit.1", "K. Adeyemi", "M. Olsen") == ""


def test_what_accepts_is_the_exit_gates_and_the_acceptance_criteria():
    assert {each.id.rpartition(".")[0] for each in load_items() if accepts(each.id)} == {
        "21_00.exit", "21_01a.exit", "21_01b.exit", "21_01c.exit", "21_01d.exit", "acceptance"
    }  # fmt: skip


def test_a_waiver_ends_with_its_day():
    found = SignOffs({}, {"pre.technical.7": Waiver("pre.technical.7", "r", "T. Lead", date(2026, 12, 1))})
    assert found.waiver("pre.technical.7", date(2026, 12, 2)) is None
    assert found.expired("pre.technical.7", date(2026, 12, 2)) == "the waiver of T. Lead expired on 2026-12-01"
    assert found.expired("pre.technical.7", date(2026, 12, 1)) == found.expired("21_00.exit.1") == ""


def answers(*given):
    """A person who gives these answers in turn, and the questions that were put."""
    left, asked = list(given), []

    def ask(question):
        asked.append(question)
        return left.pop(0)

    return ask, asked


def test_a_person_is_asked_with_the_items_words():
    ask, asked = answers(" K. Adeyemi \n", "seen twice\n")
    given = interview("21_01c.exit.1", "No file write errors", "M. Olsen", ask)
    assert (given.name, given.note) == ("K. Adeyemi", "seen twice")
    assert datetime.now(UTC) - given.at < timedelta(minutes=1)
    assert "21_01c.exit.1: No file write errors" in asked[0]


@pytest.mark.parametrize("answer", [None, "", "  \n"])
def test_no_answer_is_not_signed(answer):
    assert interview("21_01c.exit.1", "w", "M. Olsen", answers(answer)[0]) is None


def test_the_operator_is_asked_for_somebody_else_and_not_for_ever():
    ask, asked = answers("M. Olsen", "K. Adeyemi", None)
    assert interview("21_01c.exit.1", "w", "M. Olsen", ask).name == "K. Adeyemi"
    assert "Not taken" in asked[1]
    assert interview("21_01c.exit.1", "w", "M. Olsen", answers(*["M. Olsen"] * 3)[0]) is None


@pytest.mark.parametrize("name", ["no", "n", "Yes", "-", "n/a", "TBD", "???", "12"])
def test_what_is_no_name_signs_nothing(name):
    assert interview("21_01c.exit.1", "w", "M. Olsen", answers(name, None)[0]) is None


@pytest.mark.parametrize(
    "name", ["Rivera, R.", "r rivera", "  R.  RIVERA ", "R. Rivéra", "Rosa Rivera", "rrivera", "r.rivera@example.com"]
)
def test_name_the_other_way_round_is_the_same_person(name):
    assert same_person(name, "R. Rivera")
    assert not same_person(name, "M. Rivera")
    assert not same_person(name, "R. Olsen")
