"""Queues and the guests' contacts (SESS-7)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from ..core.ids import draw_uuid, iso
from ..core.records import Json
from ..core.stores import BoundedStore
from ..settings import QueueSettings
from . import checks
from .calls import Answer, Call, Refusal, not_found, wrong
from .guest_keys import GuestKeys
from .world_view import WorldBase

QUEUES_MAX = 1000


@dataclass(slots=True)
class Queue:
    """`answer_after_s`: how long a conversation waits there before an agent has it."""

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


class Queues:
    def __init__(self, world: WorldBase) -> None:
        self._queues: BoundedStore[Queue] = BoundedStore(QUEUES_MAX)
        self.add_all(world.settings.queues)

    def __iter__(self) -> Iterator[Queue]:
        return iter(self._queues)

    def add(self, queue: Queue) -> None:
        self._queues.put(queue.id, queue)

    def add_all(self, queues: Iterable[QueueSettings]) -> None:
        """One that is known by its id is replaced."""
        for one in queues:
            self.add(Queue(one.id, one.name, one.answer_after_s))

    def named(self, queue_id: str, place: str) -> Queue:
        """The queue a body names. Raises Refusal."""
        found = self._queues.get(queue_id)
        if found is None:
            raise wrong(place, f"names no queue: {queue_id}")
        return found

    def show(self, call: Call) -> Answer:
        found = self._queues.get(call.path["id"])
        if found is None:
            raise not_found("queue", call.path["id"])
        return Answer(found.describe())


@dataclass(slots=True)
class Contact:
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


class Contacts:
    """Known by id, by external id and by address. Created again with both the same, a contact stays
    the same and takes the new attributes; with one of them only, it is refused."""

    def __init__(self, world: WorldBase, keys: GuestKeys) -> None:
        self._world = world
        self._keys = keys
        self._contacts: BoundedStore[Contact] = BoundedStore(world.settings.records_max)
        self._by_external_id: dict[str, Contact] = {}
        self._by_address: dict[str, Contact] = {}

    def __iter__(self) -> Iterator[Contact]:
        return iter(self._contacts)

    def find(self, name: str) -> Contact | None:
        """The contact that a conversation names, by its address or id as `contact_reference` has
        it. Raises Refusal where it is named by the other."""
        by_address, by_id = self._by_address.get(name), self._contacts.get(name)
        reference = self._world.settings.contact_reference
        if reference == "address" and by_address is None and by_id is not None:
            raise wrong("contactId", f"must be the contact's address, {by_id.address}")
        if reference == "id" and by_id is None and by_address is not None:
            raise wrong("contactId", "must be the contact's id, not its address")
        return by_address or by_id

    def create(self, call: Call) -> Answer:
        body = call.body
        kind = checks.one_of(body, "type", ("webchat",))
        address = checks.text(body, "address", 512)
        external_id = checks.text(body, "externalContactId", 512)
        attributes = checks.an_object(body, "customAttributes")
        self._keys.check(body, "customAttributes.guestToken", call.now)
        known = self._by_external_id.get(external_id) or self._by_address.get(address)
        if known is not None and (known.external_id, known.address) != (external_id, address):
            field = "externalContactId" if known.external_id == external_id else "address"
            raise Refusal(
                409, "contact.already.exists", f"Another contact has this {field} already", field
            )
        if known is not None:  # the same guest again
            known.attributes = attributes
            return Answer(known.describe())
        contact = Contact(
            draw_uuid(self._world.rng), kind, address, external_id, call.now, call.key, attributes
        )
        self._by_external_id[external_id] = self._by_address[address] = contact
        gone = self._contacts.put(contact.id, contact)
        if gone is not None:
            self._by_external_id.pop(gone.external_id, None)
            if self._by_address.get(gone.address) is gone:
                del self._by_address[gone.address]
        return Answer(contact.describe(), 201, made=("contact", contact.id))

    def show(self, call: Call) -> Answer:
        found = self._contacts.get(call.path["id"])
        if found is None:
            raise not_found("contact", call.path["id"])
        return Answer(found.describe())

    def search(self, call: Call) -> Answer:
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
        return Answer({**body, "pageCount": -(-total // size)})
