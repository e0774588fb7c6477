"""The shapes in which events are posted: ours, and those of providers' webhooks.

Each is what the provider documents, with the values that a sandbox can know. Times of events are
those of the sandbox's clock.
"""

from collections.abc import Mapping, Sequence

from sandbox_mta.events import cloudevents
from sandbox_mta.events.event import StatusEvent
from sandbox_mta.events.formats import mailgun, postmark, resend, sendgrid, ses_sns
from sandbox_mta.events.formats.shape import Body, Format, House


def _cloudevents(event: StatusEvent, house: House) -> Sequence[Body]:
    octets = cloudevents.structured(event, house.hostname)
    return [Body(octets=octets, content_type="application/cloudevents+json; charset=utf-8")]


FORMATS: Mapping[str, Format] = {
    "cloudevents": _cloudevents,
    "ses-sns": ses_sns.bodies,
    "sendgrid": sendgrid.bodies,
    "mailgun": mailgun.bodies,
    "postmark": postmark.bodies,
    "resend": resend.bodies,
}
