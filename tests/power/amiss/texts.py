"""The texts for people are generated without what they are for: all lines but the first are lost."""

from email.message import EmailMessage

from acceptance.record import texts
from acceptance.record.parts import Record


def summary_email(record: Record) -> EmailMessage:
    """Give an e-mail that greets, and says nothing."""
    message = EmailMessage()
    message["Subject"] = "Epic 21"
    message.set_content("Stakeholders,\n")
    return message


texts.deployment_log = lambda record: "## Epic 21\n"
texts.ops_post = lambda record, next_deployment="": "Epic 21\n"
texts.summary_email = summary_email  # type: ignore[assignment]
