"""Queues and the guests' contacts (SESS-7)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from ..core.ids import draw_uuid, iso
from ..core.records import Json
from ..core.stores import BoundedStore
from ..settings import QueueSettings
from . import checks
from .calls import PlatformCall, PlatformRefusal, PlatformResponse, not_found, wrong
from .guest_keys import GuestKeys
from .world_view import WorldBase

QUEUES_MAX = 1000


@dataclass(slots=True)
class RoutingQueue:
    """`answer_after_s`: how long a conversation waits before an agent answers."""

    id: str
    name: str
    answer_after_s: float = 0.0

    def describe(self) -> Json:
        return {
            "id": self.id,
            "name": self.name,
            "division": {"id": "home", "name": "Home"},
            "mediaSettings": {},
        }


class RoutingQueues:
    def __init__(self, world: WorldBase) -> None:
        self._queues: BoundedStore[RoutingQueue] = BoundedStore(QUEUES_MAX)
        self.add_all(world.settings.queues)

    def __iter__(self) -> Iterator[RoutingQueue]:
        return iter(self._queues)

    def add(self, queue: RoutingQueue) -> None:
        self._queues.put(queue.id, queue)

    def add_all(self, queues: Iterable[QueueSettings]) -> None:
        """A queue with a known id is replaced."""
        for one in queues:
            self.add(RoutingQueue(one.id, one.name, one.answer_after_s))

    def named(self, queue_id: str, place: str) -> RoutingQueue:
        """The queue a body names. Raises PlatformRefusal."""
        found = self._queues.get(queue_id)
        if found is None:
            raise wrong(place, f"names no queue: {queue_id}")
        return found

    def show(self, call: PlatformCall) -> PlatformResponse:
        found = self._queues.get(call.path["id"])
        if found is None:
            raise not_found("queue", call.path["id"])
        return PlatformResponse(found.describe())


@dataclass(slots=True)
class ExternalContact:
    id: str
    type: str
    address: str
    external_id: str
    created: float
    key: str
    attributes: Json = field(default_factory=dict, repr=False)

    def describe(self) -> Json:
        return {
            "id": self.id,
            "type": self.type,
            "address": self.address,
            "externalContactId": self.external_id,
            "customAttributes": self.attributes,
            "createDate": iso(int(self.created * 1000)),
        }


class ExternalContacts:
    """Known by id, by external id and by address. Created again with both the same, a contact stays
    the same and takes the new attributes; with one of them only, it is refused."""

    def __init__(self, world: WorldBase, keys: GuestKeys) -> None:
        self._world = world
        self._keys = keys
        self._contacts: BoundedStore[ExternalContact] = BoundedStore(world.settings.records_max)
        self._by_external_id: dict[str, ExternalContact] = {}
        self._by_address: dict[str, ExternalContact] = {}

    def __iter__(self) -> Iterator[ExternalContact]:
        return iter(self._contacts)

    def find(self, name: str) -> ExternalContact | None:
        """The contact that a conversation names, by address or id as `contact_reference` says.
        Raises PlatformRefusal if it is named by the other."""
        by_address, by_id = self._by_address.get(name), self._contacts.get(name)
        reference = self._world.settings.contact_reference
        if reference == "address" and by_address is None and by_id is not None:
            raise wrong("contactId", f"must be the contact's address, {by_id.address}")
        if reference == "id" and by_id is None and by_address is not None:
            raise wrong("contactId", "must be the contact's id, not its address")
        return by_address or by_id

    def create(self, call: PlatformCall) -> PlatformResponse:
        body = call.body
        kind = checks.one_of(body, "type", ("webchat",))
        address = checks.text(body, "address", 512)
        external_id = checks.text(body, "externalContactId", 512)
        attributes = checks.an_object(body, "customAttributes")
        self._keys.check(body, "customAttributes.guestToken", call.now)
        known = self._by_external_id.get(external_id) or self._by_address.get(address)
        if known is not None and (known.external_id, known.address) != (external_id, address):
            field = "externalContactId" if known.external_id == external_id else "address"
            raise PlatformRefusal(
                409, "contact.already.exists", f"Another contact has this {field} already", field
            )
        if known is not None:  # the same guest again
            known.attributes = attributes
            return PlatformResponse(known.describe())
        contact = ExternalContact(
            draw_uuid(self._world.rng), kind, address, external_id, call.now, call.key, attributes
        )
        self._by_external_id[external_id] = self._by_address[address] = contact
        gone = self._contacts.put(contact.id, contact)
        if gone is not None:
            self._by_external_id.pop(gone.external_id, None)
            if self._by_address.get(gone.address) is gone:
                del self._by_address[gone.address]
        return PlatformResponse(contact.describe(), 201, created=("contact", contact.id))

    def show(self, call: PlatformCall) -> PlatformResponse:
        found = self._contacts.get(call.path["id"])
        if found is None:
            raise not_found("contact", call.path["id"])
        return PlatformResponse(found.describe())

    def search(self, call: PlatformCall) -> PlatformResponse:
        """`?externalContactId=` finds exactly; `?q=` finds a part of the address or of the external
        id."""
        number, size = checks.page(call.query)
        exact, part = call.query.get("externalContactId"), call.query.get("q", "").lower()
        if exact is not None:
            found = [one for one in (self._by_external_id.get(exact),) if one is not None]
        else:
            found = [
                one for one in self._contacts if part in f"{one.address}\n{one.external_id}".lower()
            ]
        page = [one.describe() for one in found[(number - 1) * size : number * size]]
        total = len(found)
        body = {"entities": page, "total": total, "pageNumber": number, "pageSize": size}
        return PlatformResponse({**body, "pageCount": -(-total // size)})
