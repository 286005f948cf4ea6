"""Deposits over NATS with the stock client, and reads events through a durable consumer.

    pip install nats-py==2.16.0 wutong-client
    python nats_deposit.py NETWORK POLICY_FILE POSITION_FILE

Addresses and passwords come from the environment: NATS_URL, NATS_PASSWORD (of user
`client`) and NATS_EVENTS_PASSWORD (of user `events-public`); `wutong init` writes them into
nats.conf. The position file says where the last run stopped reading.
"""

import asyncio
import json
import os
import sys
from pathlib import Path

import nats
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy
from nats.js.errors import NotFoundError
from wutong_client import (EventChain, Gap, PrivateKey, Receipt, build_deposit, sign_statement,
                           verify, verify_event)

NAMESPACE = "public"


class Refused(Exception):
    """A node refused: the headers of the NATS service protocol say so, the body says why."""


def connect(user: str, password: str):
    # Each user is answered on subjects of its own, which no other user hears.
    return nats.connect(os.environ["NATS_URL"], user=user, password=password,
                        inbox_prefix=f"_INBOX.{user}".encode())


async def ask(nc, network: str, verb: str, payload: bytes, wait_ms: int | None = None):
    headers = None if wait_ms is None else {"Wutong-Wait-Ms": str(wait_ms)}
    subject = f"wutong.{network}.v1.tx.{verb}"
    answer = await nc.request(subject, payload, timeout=(wait_ms or 0) / 1000 + 10, headers=headers)
    if "Nats-Service-Error-Code" in (answer.headers or {}):
        problem = json.loads(answer.data)
        raise Refused(f"{problem['status']} {problem['code']}: {problem['detail']}; "
                      f"next: {problem['next_step']}")
    return answer


async def deposit(nc, network: str, policy: str) -> bytes:
    document = os.urandom(32)
    draft = build_deposit(document, network=network, namespace=NAMESPACE)
    statement = sign_statement(PrivateKey.generate(), draft)
    # Keep the entry and `draft.salt` before you send: sent twice, it commits once.
    answer = await ask(nc, network, "submit", statement.entry, wait_ms=30_000)
    standing = json.loads(answer.data)
    while standing["status"] == "pending":
        await asyncio.sleep(0.5)
        standing = json.loads((await ask(nc, network, "status", statement.id.hex().encode())).data)
    print(f"{standing['status']}: entry {standing['index']} in block {standing['height']}")
    answer = await ask(nc, network, "receipt", statement.id.hex().encode())
    receipt = Receipt.parse(answer.data).with_salt(draft.salt)
    report = verify(receipt.encode(), policy, document)
    print(f"receipt: {report.verdict}")
    value = json.dumps({"value": draft.deposit.value.hex()}).encode()
    found = json.loads((await ask(nc, network, "lookup", value)).data)["statements"]
    print(f"lookup: {len(found)} found, the same: {found[0]['id'] == statement.id.hex()}")
    try:
        await ask(nc, network, "submit", b"no statement")
    except Refused as refusal:
        print(f"refused: {str(refusal).split(':')[0]}")
    return statement.id


class Reader:
    """Takes each event once; what it saves is where it goes on."""

    def __init__(self, nc, network: str, file: Path) -> None:
        self.js, self.network, self.file = nc.jetstream(), network, file
        self.stream = f"WUTONG_{network.replace('-', '_')}_EVENTS"
        self.durable = f"events-{NAMESPACE}"
        self.chain, self.sequence, self.missed = EventChain(network, NAMESPACE), 0, None
        if file.exists():
            saved = json.loads(file.read_text())
            self.chain = EventChain.from_json(json.dumps(saved["chain"]))
            self.sequence = saved["sequence"]

    async def attach(self):
        """Makes the consumer anew, behind the last message that was taken."""
        try:
            await self.js.delete_consumer(self.stream, self.durable)
        except NotFoundError:
            pass
        # With a name, the subject of the request ends with the filter: the server allows each
        # reader its namespace only.
        await self.js.add_consumer(self.stream, ConsumerConfig(
            name=self.durable, durable_name=self.durable, ack_policy=AckPolicy.EXPLICIT,
            filter_subject=f"wutong.{self.network}.v1.events.{NAMESPACE}.>",
            deliver_policy=DeliverPolicy.BY_START_SEQUENCE, opt_start_seq=self.sequence + 1))
        return await self.js.pull_subscribe_bind(durable=self.durable, stream=self.stream)

    async def events(self, policy: str):
        pulled = await self.attach()
        while True:
            try:
                messages = await pulled.fetch(16, timeout=5)
            except nats.errors.TimeoutError:
                continue
            for message in messages:
                event = json.loads(message.data)
                answer = self.chain.accept(event)  # raises BrokenEvent
                if isinstance(answer, Gap):
                    if self.missed == answer.expected:
                        raise LookupError(f"the stream lacks events from {answer.expected} on")
                    self.missed = answer.expected
                    pulled = await self.attach()
                    break
                if answer == "new":
                    verify_event(event, policy)  # raises BrokenEvent
                    self.sequence, self.missed = message.metadata.sequence.stream, None
                    yield event
                    self.save()
                await message.ack()

    def save(self) -> None:
        saved = {"chain": json.loads(self.chain.json()), "sequence": self.sequence}
        self.file.write_text(json.dumps(saved))


async def main(network: str, policy_file: str, position_file: str) -> None:
    policy = Path(policy_file).read_text()
    nc = await connect("client", os.environ["NATS_PASSWORD"])
    lodged = await deposit(nc, network, policy)
    await nc.drain()
    nc = await connect(f"events-{NAMESPACE}", os.environ["NATS_EVENTS_PASSWORD"])
    reader = Reader(nc, network, Path(position_file))
    first = reader.chain.ordinal + 1
    async for event in reader.events(policy):
        last = event["namespace_ordinal"]
        if event["id"] == lodged.hex():
            # The reader is left before it saves by itself.
            reader.save()
            break
    print(f"events: {first} to {last}, receipts verified")
    await nc.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
