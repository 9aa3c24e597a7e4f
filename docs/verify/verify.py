#!/usr/bin/env python3
"""Checks what a Starling swarm proves, and shares no code with Starling.

    python3 verify.py THING [HELD] [--key KEY] [--json]

THING is one of these; which one, its content says:

    an export            a file of lines: first {"starling":"export",...}, then one event a line; or a Parquet file
    a proof of a task    the answer of GET /v1/tasks/{id}/proof
    a proof of an event  the answer of GET /v1/journal/proof?seq=
    a consistency proof  the answer of GET /v1/journal/consistency?from=&to=   (needs HELD)
    a checkpoint         the answer of GET /v1/journal/checkpoint
    an archive           a folder with manifest.json and the Parquet files that it names

HELD is a checkpoint that you have kept. THING must then go on from it, or be of the same size and say the same.
KEY is the swarm's public key as you know it: base64url, 43 characters. Without it you learn that everything was
signed by one key, and which, but not whose key it is.

Exit code 0: proved. 1: not proved; the first bad event is named where there is one. 2: it cannot be read, or the
command line cannot. Needs Python 3.9 or later, and nothing else: one file, the standard library.

The formats and where they are from: canonical JSON (RFC 8785), SHA-256, the Merkle tree of RFC 6962 with the
verification of RFC 9162, Ed25519 (RFC 8032), Apache Parquet with GZIP pages, CloudEvents 1.0.
"""

import base64
import binascii
import datetime
import hashlib
import json
import os
import re
import stat
import struct
import sys
import zlib


class Refused(Exception):
    """What was shown does not hold. `seq` is the first bad event, where one is known."""

    def __init__(self, reason, seq=None):
        super().__init__(reason)
        self.reason = reason
        self.seq = seq


class Unreadable(Exception):
    """What was shown is not a thing that this program reads."""


# --- JSON: read strictly, written canonically (RFC 8785) ---------------------------------------------------------

DEPTH_MAX = 72  # what Starling accepts, and what it puts around it


def no_constant(name):
    raise ValueError("JSON has no " + name)


def whole_or_float(text):
    # Every number is a double, as in ECMAScript: larger whole numbers are rounded the same way, and 1.0 is 1.
    value = float(text)
    return int(value) if -(2.0**53) < value < 2.0**53 and value.is_integer() else value


def one_of_each(pairs):
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member stands twice")
    return members


def read_json(data, what):
    try:
        text = data.decode("utf-8") if isinstance(data, (bytes, bytearray)) else data
        return json.loads(text, parse_int=whole_or_float, parse_float=whole_or_float, parse_constant=no_constant, object_pairs_hook=one_of_each)
    except (ValueError, RecursionError, OverflowError) as error:
        raise Unreadable("%s is not JSON: %s" % (what, error))


class Written(str):
    """Canonical JSON that has been written already."""


def canonical(value, depth=0):
    out = []
    write_canonical(value, out, depth)
    return "".join(out)


def write_canonical(value, out, depth):
    if value is None:
        out.append("null")
    elif value is True:
        out.append("true")
    elif value is False:
        out.append("false")
    elif isinstance(value, str):
        out.append(value if isinstance(value, Written) else json_string(value))
    elif isinstance(value, int):
        out.append(str(value))
    elif isinstance(value, float):
        out.append(json_number(value))
    elif depth > DEPTH_MAX:
        raise Refused("JSON is nested too deeply")
    elif isinstance(value, list) and set(map(type, value)) == {int}:
        out.append("[%s]" % ",".join(map(str, value)))  # the same, and many times as quick
    elif isinstance(value, list):
        out.append("[")
        for index, item in enumerate(value):
            if index:
                out.append(",")
            write_canonical(item, out, depth + 1)
        out.append("]")
    else:
        out.append("{")
        # Sorted by UTF-16 code units, which is not the order of code points.
        for index, name in enumerate(sorted(value, key=utf16)):
            if index:
                out.append(",")
            out.append(json_string(name))
            out.append(":")
            write_canonical(value[name], out, depth + 1)
        out.append("}")


def utf16(text):
    return text.encode("utf-16-be", "surrogatepass")


ESCAPES = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
TO_ESCAPE = re.compile('["\\\\\x00-\x1f\ud800-\udfff]')


def json_string(text):
    def escaped(match):
        character = match.group()
        return ESCAPES.get(character) or "\\u%04x" % ord(character)

    return '"%s"' % TO_ESCAPE.sub(escaped, text)


def json_number(value):
    """A double as ECMAScript prints it: the shortest digits that read back, placed by Number::toString."""
    if value != value or value in (float("inf"), float("-inf")):
        raise Refused("a number is too large")
    if value == 0:
        return "0"
    sign = "-" if value < 0 else ""
    mantissa, _, exponent = repr(abs(value)).partition("e")
    whole, _, fraction = mantissa.partition(".")
    point = len(whole) + int(exponent or 0)
    digits = whole + fraction
    stripped = digits.lstrip("0")
    point -= len(digits) - len(stripped)
    digits = stripped.rstrip("0")
    count = len(digits)
    if count <= point <= 21:
        return sign + digits + "0" * (point - count)
    if 0 < point <= 21:
        return sign + digits[:point] + "." + digits[point:]
    if -6 < point <= 0:
        return sign + "0." + "0" * -point + digits
    power = point - 1
    mark = "e+" if power > 0 else "e-"
    tail = "." + digits[1:] if count > 1 else ""
    return sign + digits[0] + tail + mark + str(abs(power))


# --- Hashes and the Merkle tree (RFC 6962, RFC 9162) --------------------------------------------------------------

HEX_HASH = re.compile("[0-9a-f]{64}")
GENESIS = "0" * 64


def sha256(data):
    return hashlib.sha256(data).digest()


def leaf_of(event_hash):
    return sha256(b"\x00" + bytes.fromhex(event_hash))


def node_of(left, right):
    return sha256(b"\x01" + left + right)


def nodes_of(path):
    if not isinstance(path, list) or not all(isinstance(node, str) and HEX_HASH.fullmatch(node) for node in path):
        raise Refused("a path is not a list of hashes")
    return [bytes.fromhex(node) for node in path]


class Tree:
    """The root over leaves as they come, holding one root for each complete subtree."""

    def __init__(self):
        self.size = 0
        self.roots = []

    def add(self, event_hash):
        node = leaf_of(event_hash)
        size = self.size
        while size % 2 == 1:
            node = node_of(self.roots.pop(), node)
            size //= 2
        self.roots.append(node)
        self.size += 1

    def root(self):
        if not self.roots:
            return sha256(b"").hex()
        node = self.roots[-1]
        for left in reversed(self.roots[:-1]):
            node = node_of(left, node)
        return node.hex()


def inclusion_holds(leaf, index, size, path, root):
    """RFC 9162, section 2.1.3.2."""
    if index < 0 or index >= size:
        return False
    fn, sn, node = index, size - 1, leaf
    for sibling in path:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            node = node_of(sibling, node)
            while fn & 1 == 0 and fn != 0:
                fn >>= 1
                sn >>= 1
        else:
            node = node_of(node, sibling)
        fn >>= 1
        sn >>= 1
    return sn == 0 and node == root


def consistency_holds(old_size, old_root, new_size, new_root, path):
    """RFC 9162, section 2.1.4.2."""
    if old_size < 1 or old_size > new_size:
        return False
    if old_size == new_size:
        return not path and old_root == new_root
    nodes = [old_root] + path if old_size & (old_size - 1) == 0 else list(path)
    if not nodes:
        return False
    fn, sn = old_size - 1, new_size - 1
    while fn & 1:
        fn >>= 1
        sn >>= 1
    old = new = nodes[0]
    for node in nodes[1:]:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            old = node_of(node, old)
            new = node_of(node, new)
            while fn & 1 == 0 and fn != 0:
                fn >>= 1
                sn >>= 1
        else:
            new = node_of(new, node)
        fn >>= 1
        sn >>= 1
    return sn == 0 and old == old_root and new == new_root


# --- Ed25519 (RFC 8032, section 5.1) ------------------------------------------------------------------------------

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT_OF_MINUS_ONE = pow(2, (P - 1) // 4, P)


def recover_x(y, sign):
    if y >= P:
        return None
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    if square == 0:
        return None if sign else 0
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * ROOT_OF_MINUS_ONE % P
    if (x * x - square) % P:
        return None
    return P - x if x & 1 != sign else x


def decompress(data):
    y = int.from_bytes(data, "little")
    sign = y >> 255
    y &= (1 << 255) - 1
    x = recover_x(y, sign)
    return None if x is None else (x, y, 1, x * y % P)


BASE = decompress((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))
NEUTRAL = (0, 1, 1, 0)


def add_points(p, q):
    a = (p[1] - p[0]) * (q[1] - q[0]) % P
    b = (p[1] + p[0]) * (q[1] + q[0]) % P
    c = 2 * p[3] * q[3] * D % P
    d = 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return (e * f % P, g * h % P, f * g % P, e * h % P)


def multiply(scalar, point):
    result = NEUTRAL
    while scalar:
        if scalar & 1:
            result = add_points(result, point)
        point = add_points(point, point)
        scalar >>= 1
    return result


def is_same_point(p, q):
    return (p[0] * q[2] - q[0] * p[2]) % P == 0 and (p[1] * q[2] - q[1] * p[2]) % P == 0


def signature_holds(public_key, message, signature):
    point = decompress(public_key)
    # Under a key of small order anybody can sign.
    if point is None or is_same_point(multiply(8, point), NEUTRAL):
        return False
    nonce = decompress(signature[:32])
    scalar = int.from_bytes(signature[32:], "little")
    if nonce is None or scalar >= L:
        return False
    digest = hashlib.sha512(signature[:32] + public_key + message).digest()
    challenge = int.from_bytes(digest, "little") % L
    return is_same_point(multiply(scalar, BASE), add_points(nonce, multiply(challenge, point)))


# --- Checkpoints --------------------------------------------------------------------------------------------------

SIGNED = ("at", "head", "origin", "root", "size")
CHECKPOINT = SIGNED + ("publicKey", "signature")


def is_whole(value):
    return isinstance(value, int) and not isinstance(value, bool)


def is_same(one, other):
    """Python takes true for 1."""
    return type(one) is type(other) and one == other


def decoded(text, length, what):
    """Base64url without padding, in its one spelling."""
    try:
        data = base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (ValueError, AttributeError, binascii.Error):
        raise Refused("%s cannot be read" % what)
    if len(data) != length or base64.urlsafe_b64encode(data).rstrip(b"=").decode() != text:
        raise Refused("%s cannot be read" % what)
    return data


def check_form(value):
    """That it is a checkpoint, whatever it says."""
    form = (
        isinstance(value, dict)
        and set(value) == set(CHECKPOINT)
        and all(isinstance(value[name], str) for name in ("origin", "head", "root", "publicKey", "signature"))
        and is_whole(value["size"])
        and value["size"] >= 1
        and is_whole(value["at"])
        and HEX_HASH.fullmatch(value["head"])
        and HEX_HASH.fullmatch(value["root"])
    )
    if not form:
        raise Refused("the checkpoint is not one")


def check_signature(checkpoint, key):
    check_form(checkpoint)
    if key is not None and checkpoint["publicKey"] != key:
        raise Refused("the signing key is not the one held")
    public = decoded(checkpoint["publicKey"], 32, "the public key")
    signature = decoded(checkpoint["signature"], 64, "the signature")
    text = canonical({name: checkpoint[name] for name in SIGNED}).encode("utf-8")
    if not signature_holds(public, text, signature):
        raise Refused("the signature of the checkpoint does not hold")


def check_continuation(held, shown, path):
    """That `shown` goes on from `held`; both signatures have been checked."""
    if shown["origin"] != held["origin"]:
        raise Refused("the checkpoint is of another journal than the one that is held")
    if shown["publicKey"] != held["publicKey"]:
        raise Refused("the signing key is not the one held")
    if shown["size"] < held["size"]:
        raise Refused("the journal is shorter than what was signed before")
    same = shown["size"] == held["size"]
    if same and (shown["head"], shown["root"]) != (held["head"], held["root"]):
        raise Refused("two histories of one size were signed", held["size"])
    if path is None:
        if same:
            return
        raise Refused("a consistency proof from %d to %d events is needed" % (held["size"], shown["size"]))
    old, new = bytes.fromhex(held["root"]), bytes.fromhex(shown["root"])
    if not consistency_holds(held["size"], old, shown["size"], new, nodes_of(path)):
        raise Refused("the history does not go on from the checkpoint that is held")


# --- Events -------------------------------------------------------------------------------------------------------

ATTRIBUTES = {
    "specversion": str,
    "id": str,
    "source": str,
    "type": str,
    "subject": str,
    "time": str,
    "datacontenttype": str,
    "data": dict,
    "seq": int,
    "hash": str,
    "previous": str,
    "actor": str,
    "command": str,
    "schemaversion": int,
}
SOURCE = re.compile("/tenants/([^/]+)/swarms/([^/]+)")
TIME = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)\.(\d{3})Z", re.ASCII)
EPOCH = datetime.datetime(1970, 1, 1)
IMPORTED = "swarm.imported"
CORRECTED = "clock.corrected"
NOT_AN_EVENT = "it is not an event as this journal writes them"


class Event:
    """An event of a journal: what is hashed, the hash it claims, and the origin it claims to be of."""

    def __init__(self, origin, seq, digest, previous, members, data):
        self.origin = origin
        self.seq = seq
        self.hash = digest
        self.previous = previous
        self.members = members
        self.data = data
        self.type = members["type"]
        self.subject = members["subject"]
        self.at = members["at"]

    def hash_holds(self):
        members = dict(self.members)
        members.update(origin=self.origin, previous=self.previous, seq=self.seq)
        try:
            text = canonical(members).encode("utf-8")
        except (UnicodeEncodeError, RecursionError):
            return False
        return hashlib.sha256(text).hexdigest() == self.hash


def milliseconds(text):
    match = TIME.fullmatch(text)
    if match is None:
        return None
    year, month, day, hour, minute, second, milli = (int(part) for part in match.groups())
    try:
        moment = datetime.datetime(year, month, day, hour, minute, second)
    except ValueError:
        return None
    return int((moment - EPOCH).total_seconds()) * 1000 + milli


TIME_MIN, TIME_MAX = milliseconds("0001-01-01T00:00:00.000Z"), milliseconds("9999-12-31T23:59:59.999Z")


def time_text(at):
    moment = EPOCH + datetime.timedelta(milliseconds=at)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + "%03dZ" % (at % 1000)


def read_cloud_event(value):
    """The event of CloudEvents attributes. What no hash covers may not say anything else than what one does."""
    if not isinstance(value, dict) or set(value) - {"traceparent"} != set(ATTRIBUTES):
        return None
    for name, kind in ATTRIBUTES.items():
        if not isinstance(value[name], kind) or isinstance(value[name], bool):
            return None
    trace = value.get("traceparent")
    if "traceparent" in value and not isinstance(trace, str):
        return None
    source = SOURCE.fullmatch(value["source"])
    at = milliseconds(value["time"])
    if source is None or at is None or not value["type"].startswith("starling."):
        return None
    origin = "%s/%s" % source.groups()
    if (value["specversion"], value["datacontenttype"]) != ("1.0", "application/json"):
        return None
    if value["id"] != "%s/%d" % (origin, value["seq"]):
        return None
    members = {
        "actor": value["actor"],
        "at": at,
        "body": value["data"],
        "command": value["command"],
        "subject": value["subject"],
        "trace": trace,
        "type": value["type"][len("starling.") :],
        "version": value["schemaversion"],
    }
    return Event(origin, value["seq"], value["hash"], value["previous"], members, value["data"])


class Journal:
    """Takes a journal's events in order: seq, link, origin and hash of each."""

    def __init__(self, checkpoint, seq=0, previous=GENESIS, held=None):
        self.checkpoint = checkpoint
        self.seq = seq
        self.previous = previous
        self.at = 0
        self.origin = None
        self.head = previous if seq == checkpoint["size"] else None
        self.tree = Tree() if seq == 0 else None
        self.held = held

    def take(self, event):
        expected = self.seq + 1
        if event is None:
            raise Refused(NOT_AN_EVENT, expected)
        if event.seq != expected:
            raise Refused("expected seq %d, found %d" % (expected, event.seq), expected)
        if event.previous != self.previous:
            raise Refused("does not follow from the event before it", expected)
        if self.origin is not None and event.origin != self.origin and not self.is_import(event):
            raise Refused("it is of another origin, and no import says so", expected)
        if not event.hash_holds():
            raise Refused("its hash is not that of its content", expected)
        if event.at < self.at and event.origin == self.origin and not self.turns_back(event):
            raise Refused("it is of an earlier time than the event before it, and no correction says so", expected)
        if expected <= self.checkpoint["size"]:
            self.take_signed(event)
        self.seq, self.previous, self.at, self.origin = expected, event.hash, event.at, event.origin

    def take_signed(self, event):
        names_key = (event.seq == 1 and event.origin == self.checkpoint["origin"]) or event.type == IMPORTED
        if names_key and event.data.get("publicKey") != self.checkpoint["publicKey"]:
            raise Refused("the checkpoint is signed by another key than this event names", event.seq)
        if self.tree is not None:
            self.tree.add(event.hash)
        if self.held is not None and event.seq == self.held["size"]:
            root = self.tree.root() if self.tree is not None else self.held["root"]
            if (event.hash, root) != (self.held["head"], self.held["root"]):
                raise Refused("the history is not the one of the checkpoint that is held", event.seq)
        if event.seq == self.checkpoint["size"]:
            self.head = event.hash
            if event.origin != self.checkpoint["origin"]:
                raise Refused("the checkpoint is of another origin", event.seq)

    def turns_back(self, event):
        """The one place where times may run back: it says from when to when, and behind which event."""
        said = {"from": self.at, "to": event.at, "after": event.seq - 1}
        return event.type == CORRECTED and all(is_same(event.data.get(name), value) for name, value in said.items())

    def is_import(self, event):
        """The one place where an origin may change: it names the journal that it goes on from."""
        named = {"origin": self.origin, "size": event.seq - 1, "head": event.previous}
        given = event.data.get("from")
        return event.type == IMPORTED and isinstance(given, dict) and all(
            is_same(given.get(name), value) for name, value in named.items()
        )

    def finish(self):
        size = self.checkpoint["size"]
        if self.seq < size:
            raise Refused("the checkpoint signs %d events, %d were shown" % (size, self.seq), self.seq + 1)
        if self.head != self.checkpoint["head"]:
            raise Refused("the head is not the one that was signed", size)
        if self.tree is not None and self.tree.root() != self.checkpoint["root"]:
            raise Refused("the Merkle root is not the one that was signed")


def check_held(held, checkpoint, key):
    """Of a thing that brings all events: they pass by the held checkpoint themselves."""
    if held is None:
        return
    check_signature(held, key)
    if held["size"] >= checkpoint["size"]:
        check_continuation(held, checkpoint, None)
    elif (held["origin"], held["publicKey"]) != (checkpoint["origin"], checkpoint["publicKey"]):
        raise Refused("the checkpoint is of another journal, or signed by another key, than the one that is held")


def told(checkpoint, what, **more):
    result = {"ok": True, "what": what}
    result.update((name, checkpoint[name]) for name in ("origin", "size", "head", "publicKey"))
    result.update(more)
    return result


# --- Things -------------------------------------------------------------------------------------------------------


def verify_export(lines, key=None, held=None):
    """`lines` are bytes without their ends."""
    lines = iter(lines)
    header = read_json(next(lines, b""), "the first line")
    if not isinstance(header, dict) or header.get("starling") != "export" or not is_same(header.get("version"), 1):
        raise Unreadable("the first line is not that of an export of version 1")
    if set(header) != {"starling", "version", "origin", "checkpoint"}:
        raise Refused("the first line has members that it does not have")
    checkpoint = header["checkpoint"]
    check_form(checkpoint)
    if header["origin"] != checkpoint["origin"]:
        raise Refused("the first line names another origin than the checkpoint")
    check_held(held, checkpoint, key)
    journal = Journal(checkpoint, held=held)
    for line in lines:
        if journal.seq >= checkpoint["size"]:
            raise Refused("there is more than the checkpoint signs", journal.seq + 1)
        try:
            value = read_json(line, "event %d" % (journal.seq + 1))
        except Unreadable as error:
            raise Refused(str(error), journal.seq + 1)
        journal.take(read_cloud_event(value))
    journal.finish()
    check_signature(checkpoint, key)
    return told(checkpoint, "export")


def check_event(value, index, path, checkpoint):
    event = read_cloud_event(value)
    seq = index + 1 if is_whole(index) else None
    if event is None:
        raise Refused(NOT_AN_EVENT, seq)
    if not event.hash_holds():
        raise Refused("its hash is not that of its content", event.seq)
    if not is_whole(index) or event.seq != index + 1:
        raise Refused("its place in the tree is not its seq", event.seq)
    root = bytes.fromhex(checkpoint["root"])
    if not inclusion_holds(leaf_of(event.hash), index, checkpoint["size"], nodes_of(path), root):
        raise Refused("its path does not lead to the root that was signed", event.seq)
    return event


def verify_event(proof, key=None, held=None):
    only(proof, {"event", "leaf", "index", "path", "checkpoint"}, "a proof of an event")
    checkpoint = proof["checkpoint"]
    check_form(checkpoint)
    event = check_event(proof["event"], proof["index"], proof["path"], checkpoint)
    if proof["leaf"] != leaf_of(event.hash).hex():
        raise Refused("the leaf is not that of the event", event.seq)
    check_signature(checkpoint, key)
    same_as_held(held, checkpoint, key)
    return told(checkpoint, "event", seq=event.seq, type=event.type)


def verify_task(proof, key=None, held=None):
    only(proof, {"task", "events", "inclusion", "transfers", "checkpoint"}, "a proof of a task")
    checkpoint, task = proof["checkpoint"], proof["task"]
    check_form(checkpoint)
    lists = [proof[name] for name in ("events", "inclusion", "transfers")]
    if not all(isinstance(each, list) for each in lists) or len(lists[0]) != len(lists[1]):
        raise Refused("not every event has its place in the tree")
    events = []
    for value, place in zip(lists[0], lists[1]):
        only(place, {"index", "path"}, "a place in the tree")
        event = check_event(value, place["index"], place["path"], checkpoint)
        if events and event.seq <= events[-1].seq:
            raise Refused("the events are not in their order", event.seq)
        events.append(event)
    if not isinstance(task, str) or not any(event.subject == "task/" + task for event in events):
        raise Refused("no event is of this task")
    try:
        transfers = canonical(transfers_of(task, events))
    except (KeyError, TypeError, OverflowError):
        raise Refused("the events of its transfers are not written as a swarm writes them")
    if canonical(proof["transfers"]) != transfers:
        raise Refused("the transfers are not what the events say of them")
    check_signature(checkpoint, key)
    same_as_held(held, checkpoint, key)
    return told(checkpoint, "task", task=task, events=[[event.seq, event.type] for event in events])


def transfers_of(task, events):
    """The task's holds and what became of them, from nothing but the events."""
    holds = {}
    for event in events:
        kind, body = event.type, event.data
        if kind == "transfer.held" and body.get("reference") == "task/" + task:
            holds[body["transfer"]] = {
                "id": body["transfer"],
                "state": "pending",
                "debit": body["debit"],
                "credit": body["credit"],
                "amountMicro": body["amountMicro"],
                "settledMicro": None,
                "reference": body["reference"],
                "expiresAt": time_text(body["expiresAt"]),
                "createdAt": time_text(event.at),
                "resolvedAt": None,
            }
        elif kind in ("transfer.settled", "transfer.voided", "transfer.expired"):
            hold = holds.get(body.get("hold"))
            if hold is not None and hold["state"] == "pending":
                settled = body["amountMicro"] if kind == "transfer.settled" else None
                hold.update(state=kind[len("transfer.") :], settledMicro=settled, resolvedAt=time_text(event.at))
    return list(holds.values())


def verify_consistency(proof, key=None, held=None):
    only(proof, {"from", "to", "path", "checkpoint"}, "a consistency proof")
    if held is None:
        raise Unreadable("a consistency proof needs the checkpoint that you hold, as a second file")
    checkpoint = proof["checkpoint"]
    check_signature(checkpoint, key)
    check_signature(held, key)
    if not is_same(proof["from"], held["size"]) or not is_same(proof["to"], checkpoint["size"]):
        raise Refused("the proof is from other sizes than those of the checkpoints")
    check_continuation(held, checkpoint, proof["path"])
    return told(checkpoint, "consistency", held=held["size"])


def verify_checkpoint(checkpoint, key=None, held=None):
    check_signature(checkpoint, key)
    if held is not None:
        check_signature(held, key)
        check_continuation(held, checkpoint, None)
    return told(checkpoint, "checkpoint")


def same_as_held(held, checkpoint, key):
    """A proof under one checkpoint says nothing of another, unless they are of one size."""
    if held is not None:
        check_signature(held, key)
        check_continuation(held, checkpoint, None)


def only(value, names, what):
    if not isinstance(value, dict) or set(value) != names:
        raise Refused("%s has other members than these: %s" % (what, ", ".join(sorted(names))))


# --- Parquet: what Starling's archive writes, and nothing else ----------------------------------------------------


# Bytes for each object that comes of a file's metadata: Starling's have twice as many, a hostile one has a single byte.
OBJECT_BYTES_MIN = 3
OBJECTS_FREE = 64


class Thrift:
    """Thrift's compact protocol: structs as {field: value}. It reads up to `to`, and bounds what comes of it."""

    def __init__(self, data, at=0, to=None):
        self.data = data
        self.at = at
        self.to = len(data) if to is None else min(to, len(data))
        self.objects = OBJECTS_FREE + (self.to - at) // OBJECT_BYTES_MIN

    def byte(self):
        if self.at >= self.to:
            raise Refused("the file ends too early")
        self.at += 1
        return self.data[self.at - 1]

    def take(self, count):
        if count < 0 or self.at + count > self.to:
            raise Refused("the file ends too early")
        self.at += count
        return bytes(self.data[self.at - count : self.at])

    def varint(self):
        value = shift = 0
        while True:
            byte = self.byte()
            value |= (byte & 127) << shift
            if byte < 128:
                return value
            shift += 7
            if shift > 63:
                raise Refused("a number in the file is too long")

    def zigzag(self):
        value = self.varint()
        return (value >> 1) ^ -(value & 1)

    def count_object(self, depth):
        self.objects -= 1
        if depth > 16:
            raise Refused("the file's metadata is nested too deeply")
        if self.objects < 0:
            raise Refused("the file's metadata has more parts than bytes for them")

    def value(self, kind, depth):
        if kind in (1, 2, 3):
            return self.byte()
        if kind in (4, 5, 6):
            return self.zigzag()
        if kind == 12:
            return self.struct(depth + 1)
        self.count_object(depth)
        if kind == 7:
            return struct.unpack("<d", self.take(8))[0]
        if kind == 8:
            return self.take(self.varint())
        if kind in (9, 10):
            head = self.byte()
            count = head >> 4 if head >> 4 != 15 else self.varint()
            kind = head & 15
            if count > self.to - self.at:
                raise Refused("a list in the file is too long")
            # Each value takes a byte at least.
            return [self.value(kind, depth + 1) for _ in range(count)]
        raise Refused("the file has a Thrift type that it should not have: %d" % kind)

    def struct(self, depth=0):
        self.count_object(depth)
        fields, last = {}, 0
        while True:
            head = self.byte()
            if head == 0:
                return fields
            last = last + (head >> 4) if head >> 4 else self.zigzag()
            kind = head & 15
            # The head of a field says itself whether it is true.
            fields[last] = kind == 1 if kind in (1, 2) else self.value(kind, depth)


TYPES = {0: "BOOLEAN", 1: "INT32", 2: "INT64", 3: "INT96", 4: "FLOAT", 5: "DOUBLE", 6: "BYTE_ARRAY"}
TYPES[7] = "FIXED_LEN_BYTE_ARRAY"
CODECS = {0: "UNCOMPRESSED", 1: "SNAPPY", 2: "GZIP", 3: "LZO", 4: "BROTLI", 5: "LZ4", 6: "ZSTD", 7: "LZ4_RAW"}
ENCODINGS = {0: "PLAIN", 2: "PLAIN_DICTIONARY", 3: "RLE", 4: "BIT_PACKED", 5: "DELTA_BINARY_PACKED"}
ENCODINGS.update({6: "DELTA_LENGTH_BYTE_ARRAY", 7: "DELTA_BYTE_ARRAY", 8: "RLE_DICTIONARY", 9: "BYTE_STREAM_SPLIT"})
# Name, physical type, may be null.
COLUMNS = [
    ("seq", "INT64", False),
    ("at", "INT64", False),
    ("type", "BYTE_ARRAY", False),
    ("version", "INT32", False),
    ("actor", "BYTE_ARRAY", False),
    ("subject", "BYTE_ARRAY", False),
    ("command", "BYTE_ARRAY", False),
    ("trace", "BYTE_ARRAY", True),
    ("body", "BYTE_ARRAY", False),
    ("hash", "FIXED_LEN_BYTE_ARRAY", False),
]
# Each row has a hash, which nothing compresses: a file cannot hold more rows than it has bytes for half of each.
ROW_BYTES_MIN = 16
# What all pages of one file may unpack to, and what all its rows may be as text: so much, and so many times its size.
FILE_BYTES_MIN = 32 << 20
FILE_TIMES_MAX = 100
# A row group is read at once. A segment is one: 8,192 events, 8 Mi characters of at most three bytes each.
GROUP_ROWS_MAX = 8192
GROUP_BYTES_MAX = 64 << 20
# Six thousand row groups of Starling's.
FOOTER_BYTES_MAX = 4 << 20
# The head of a page, with the least and the largest of its values.
HEAD_BYTES_MAX = 64 << 10
# An event as a line, and all texts of a row: a body of 256 KiB and what stands around it.
LINE_BYTES_MAX = (256 + 64) << 10


class Budget:
    """What the pages of a file may still unpack to, of the whole file and of this row group; and what its columns may still
    take of the file: no byte of it stands in two columns."""

    file = 0
    group = 0
    packed = 0

    @classmethod
    def take(cls, size):
        cls.file -= size
        cls.group -= size
        if cls.file < 0 or cls.group < 0:
            raise Refused("the file unpacks to more than a file of its size should")


def open_parquet(data):
    """The row groups of a file, how many rows they have together, and its metadata by key."""
    if len(data) < 12 or data[:4] != b"PAR1" or data[-4:] != b"PAR1":
        raise Refused("the file is not Parquet")
    length = struct.unpack("<I", data[-8:-4])[0]
    if length > min(len(data) - 12, FOOTER_BYTES_MAX):
        raise Refused("the file's footer is too long")
    meta = Thrift(data[len(data) - 8 - length : -8]).struct()
    rows, groups = meta.get(3), meta.get(4, [])
    check_schema(meta.get(2))
    named = {text(pair.get(1)): text(pair.get(2)) for pair in meta.get(5, [])}
    if "starling" not in named or not is_whole(rows):
        raise Refused("the file is not a segment of an archive")
    counts = [group.get(3) for group in groups]
    if not all(is_whole(count) and 0 <= count <= GROUP_ROWS_MAX for count in counts):
        raise Refused("a row group has more rows than one of Starling's")
    if sum(counts) != rows or rows * ROW_BYTES_MIN > len(data):
        raise Refused("the file says that it has more rows than a file of its size can have")
    return groups, named


def read_group(data, group):
    """The columns of one row group, in their order."""
    chunks, rows = group.get(1, []), group.get(3)
    if len(chunks) != len(COLUMNS):
        raise Refused("a row group has not every column")
    Budget.group = GROUP_BYTES_MAX
    columns = []
    for (name, kind, nullable), chunk in zip(COLUMNS, chunks):
        meta = chunk.get(3, {})
        if meta.get(5) != rows:
            raise Refused("column %s has not as many values as there are rows" % name)
        columns.append(read_chunk(data, meta, name, kind, nullable))
    return columns


def text(data):
    if not isinstance(data, bytes):
        raise Refused("a text in the file is missing")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise Refused("a text in the file is not UTF-8")


def check_schema(schema):
    leaves = (schema or [])[1:]
    if len(leaves) != len(COLUMNS):
        raise Refused("the file has other columns than a segment has")
    for element, (name, kind, nullable) in zip(leaves, COLUMNS):
        found = (text(element.get(4)), TYPES.get(element.get(1)), element.get(3, 0))
        if found != (name, kind, 1 if nullable else 0) or (name == "hash" and element.get(2) != 32):
            raise Refused("column %s is not %s" % (found[0], kind))


def read_chunk(data, meta, name, kind, nullable):
    codec = CODECS.get(meta.get(4), str(meta.get(4)))
    if codec not in ("GZIP", "UNCOMPRESSED"):
        raise Unreadable("column %s is compressed with %s, which this program does not read" % (name, codec))
    if TYPES.get(meta.get(1)) != kind:
        raise Refused("column %s is not %s" % (name, kind))
    count, at = meta.get(5), meta.get(11, meta.get(9))
    if not all(is_whole(place) and place >= 0 for place in (count, at, meta.get(7))):
        raise Refused("column %s is not where the file says" % name)
    end = at + meta[7]
    Budget.packed -= meta[7]
    if end > len(data) or Budget.packed < 0:
        raise Refused("the columns of the file are more than the file")
    dictionary, values = None, []
    while len(values) < count:
        reader = Thrift(data, at, at + HEAD_BYTES_MAX)
        header = reader.struct()
        size = header.get(3)
        if not is_whole(size) or size > GROUP_BYTES_MAX:
            raise Refused("a page of column %s has no size, or too large a one" % name)
        page = Thrift(data, reader.at).take(size)
        at = reader.at + size
        if at > end:
            raise Refused("a page of column %s is not where the file says" % name)
        if header.get(1) == 2:
            head = header.get(7, {})
            if head.get(2) not in (0, 2):
                raise unread(name, head.get(2))
            entries = head.get(1)
            if not is_whole(entries) or not 0 <= entries <= count:
                raise Refused("the dictionary of column %s has more values than there are rows" % name)
            dictionary = plain(unpacked(page, codec, header), kind, entries, name)
        elif header.get(1) in (0, 3):
            head = header.get(8 if header[1] == 3 else 5, {})
            if not 0 < head.get(1) <= count - len(values):
                raise Refused("a page of column %s has more values than the file says, or none" % name)
            got = data_page(page, header, codec, kind, nullable, dictionary, name)
            values.extend(got)
        else:
            raise Refused("column %s has a page of no kind that it should have" % name)
    return values


def unread(name, encoding):
    known = ENCODINGS.get(encoding, str(encoding))
    return Unreadable("column %s is encoded with %s, which this program does not read" % (name, known))


def unpacked(page, codec, header, levels=0):
    wanted = header.get(2)
    if not is_whole(wanted) or wanted < levels:
        raise Refused("a page says no size")
    Budget.take(wanted - levels)
    if codec == "UNCOMPRESSED":
        if len(page) != wanted - levels:
            raise Refused("a page is not as long as it says")
        return page
    inflate = zlib.decompressobj(31)
    try:
        out = inflate.decompress(page, wanted - levels + 1)
    except zlib.error as error:
        raise Refused("a page cannot be decompressed: %s" % error)
    if len(out) != wanted - levels or not inflate.eof or inflate.unused_data:
        raise Refused("a page is not as long as it says")
    return out


def data_page(page, header, codec, kind, nullable, dictionary, name):
    if header[1] == 3:
        head = header.get(8, {})
        count, encoding = head.get(1), head.get(4)
        levels = head.get(5, 0)
        if not is_same(head.get(6, 0), 0) or not is_whole(levels) or not 0 <= levels <= len(page):
            raise Refused("a page of column %s has levels that it should not have" % name)
        packed = page[levels:]
        body = unpacked(packed, codec if head.get(7, True) is not False else "UNCOMPRESSED", header, levels)
        defined = hybrid(page[:levels], 1, count, name) if nullable and levels else None
        if nullable and not levels:
            defined = [1] * count
    else:
        head = header.get(5, {})
        count, encoding = head.get(1), head.get(2)
        body = unpacked(page, codec, header)
        defined = None
        if nullable:
            if len(body) < 4:
                raise Refused("a page of column %s ends too early" % name)
            length = struct.unpack("<I", body[:4])[0]
            if length > len(body) - 4:
                raise Refused("a page of column %s ends too early" % name)
            defined = hybrid(body[4 : 4 + length], 1, count, name)
            body = body[4 + length :]
    present = count if defined is None else sum(defined)
    if encoding == 0:
        values = plain(body, kind, present, name)
    elif encoding in (2, 8):
        if dictionary is None or not body:
            raise Refused("a page of column %s needs a dictionary that is not there" % name)
        indexes = hybrid(body[1:], body[0], present, name)
        if any(index >= len(dictionary) for index in indexes):
            raise Refused("a page of column %s names what its dictionary has not" % name)
        values = [dictionary[index] for index in indexes]
    elif encoding == 5 and kind in ("INT32", "INT64"):
        values = delta_packed(body, present, name)
    else:
        raise unread(name, encoding)
    if defined is None:
        return values
    found = iter(values)
    return [next(found) if level else None for level in defined]


def hybrid(data, width, count, name):
    """RLE and bit-packing, mixed, as Parquet has it."""
    if not is_whole(count) or count < 0 or width > 31:
        raise Refused("a page of column %s has no count" % name)
    reader, values, stride = Thrift(data), [], (width + 7) // 8
    while len(values) < count:
        head = reader.varint() if width else (count << 1)
        runs = head >> 1
        if runs == 0:
            raise Refused("a page of column %s has an empty run" % name)
        # A run is cut where the values end, whatever it says of itself.
        if head & 1:
            values.extend(bits_of(reader.take(runs * width), width, min(runs * 8, count - len(values))))
        else:
            value = int.from_bytes(reader.take(stride), "little")
            values.extend([value] * min(runs, count - len(values)))
    return values


def bits_of(packed, width, count):
    """So many numbers of `width` bits, the lowest first; each is taken out of the few bytes that it stands in."""
    mask = (1 << width) - 1
    for at in range(0, count * width, width) if width else [0] * count:
        piece = int.from_bytes(packed[at >> 3 : (at + width + 7) >> 3], "little")
        yield (piece >> (at & 7)) & mask


def delta_packed(data, count, name):
    reader = Thrift(data)
    block, minis, total = reader.varint(), reader.varint(), reader.varint()
    first = reader.zigzag()
    if total != count or minis == 0 or block % minis or (block // minis) % 8:
        raise Refused("a page of column %s has no deltas that can be read" % name)
    values, each = [first][:count], block // minis
    while len(values) < count:
        least = reader.zigzag()
        for width in reader.take(minis):
            if len(values) >= count:
                break
            if width > 64:
                raise Refused("a page of column %s has deltas that are too wide" % name)
            for bits in bits_of(reader.take(each * width // 8), width, min(each, count - len(values))):
                values.append((values[-1] + least + bits + 2**63) % 2**64 - 2**63)
    return values


def plain(data, kind, count, name):
    sizes = {"INT32": 4, "INT64": 8, "FIXED_LEN_BYTE_ARRAY": 32}
    if not is_whole(count) or count < 0:
        raise Refused("a page of column %s has no count" % name)
    values, at = [], 0
    for _ in range(count):
        if kind == "BYTE_ARRAY":
            size = struct.unpack("<I", data[at : at + 4])[0] if at + 4 <= len(data) else len(data)
            at += 4
        else:
            size = sizes[kind]
        piece = data[at : at + size]
        if len(piece) != size:
            raise Refused("a page of column %s ends too early" % name)
        at += size
        values.append(int.from_bytes(piece, "little", signed=True) if kind.startswith("INT") else bytes(piece))
    if at != len(data):
        raise Refused("a page of column %s has bytes that belong to no value" % name)
    return values


# Thrift says of every field what type it is: one that is another than the format's ends in one of these.
OTHER_TYPES = (TypeError, AttributeError, LookupError, ValueError, OverflowError, MemoryError, struct.error)


def segment_events(data):
    """The rows of a file, one by one, as (seq, hash, what is hashed, body), what it says of itself, and all its metadata."""
    try:
        groups, named = open_parquet(data)
    except OTHER_TYPES:
        raise Refused("the file's metadata is not that of a Parquet file")
    return segment_rows(data, groups), read_json(named["starling"], "the segment's metadata"), named


def segment_rows(data, groups):
    """What is held is one row group, and the body of one row."""
    Budget.packed = len(data)
    left = Budget.file = FILE_BYTES_MIN + FILE_TIMES_MAX * len(data)
    for group in groups:
        try:
            columns = read_group(data, group)
        except OTHER_TYPES:
            raise Refused("the file's metadata is not that of a Parquet file")
        for row in zip(*columns):
            size = sum(len(value) for value in row if isinstance(value, bytes))
            left -= size
            # A dictionary says a body once for all rows: each of them is charged, and before it is parsed.
            if size > LINE_BYTES_MAX or left < 0:
                raise Refused("the rows of the file are more than it should have", row[0])
            yield read_row(row)


def read_row(row):
    seq, at, kind, version, actor, subject, command, trace, body, digest = row
    body = text(body)
    value = read_json(body, "the body of event %d" % seq)
    # What is hashed stands one level around it.
    if not isinstance(value, dict) or canonical(value, 1) != body:
        raise Refused("its body is not canonical JSON", seq)
    if not TIME_MIN <= at <= TIME_MAX:
        raise Refused(NOT_AN_EVENT, seq)
    members = {
        "actor": text(actor),
        "at": at,
        "body": Written(body),
        "command": text(command),
        "subject": text(subject),
        "trace": None if trace is None else text(trace),
        "type": text(kind),
        "version": version,
    }
    return seq, digest.hex(), members, value


MANIFEST = {"starling", "version", "origin", "segments", "checkpoint"}
SEGMENT = {"from", "to", "key", "sha256", "bytes", "previous", "head", "root"}
SAID = {"origin", "from", "to", "previous", "head", "root"}


def verify_archive(folder, key=None, held=None):
    """`folder` reads a file by its name, if it has no more than so many bytes, or raises Unreadable."""
    manifest = read_json(folder("manifest.json", PROOF_BYTES_MAX), "manifest.json")
    if not isinstance(manifest, dict) or manifest.get("starling") != "archive" or not is_same(manifest.get("version"), 1):
        raise Unreadable("manifest.json is not that of an archive of version 1")
    only(manifest, MANIFEST, "the manifest")
    checkpoint, segments = manifest["checkpoint"], manifest["segments"]
    check_form(checkpoint)
    if manifest["origin"] != checkpoint["origin"] or not isinstance(segments, list) or not segments:
        raise Refused("the manifest names another origin than the checkpoint, or no segment")
    check_held(held, checkpoint, key)
    journal = None
    for entry in segments:
        only(entry, SEGMENT, "a segment in the manifest")
        if not all(is_whole(entry[name]) and entry[name] >= 1 for name in ("from", "to", "bytes")):
            raise Refused("a segment in the manifest has no place")
        if not all(isinstance(entry[name], str) for name in SEGMENT - {"from", "to", "bytes"}):
            raise Refused("a segment in the manifest has no name or hash")
        if journal is None:
            journal = Journal(checkpoint, entry["from"] - 1, entry["previous"], held)
            check_beginning(entry, held)
        place = "journal/%s/%016d-%016d-%s.parquet"
        if entry["key"] != place % (manifest["origin"], entry["from"], entry["to"], entry["sha256"][:16]):
            raise Refused("a segment in the manifest has another name than its own", entry["from"])
        take_segment(folder, entry, journal)
    journal.finish()
    check_signature(checkpoint, key)
    return told(checkpoint, "archive", first=segments[0]["from"], segments=len(segments))


def check_beginning(entry, held):
    """An archive may begin later than its journal: what came before has expired, and its hash stands for it."""
    if entry["from"] == 1 and entry["previous"] != GENESIS:
        raise Refused("the first segment follows something", 1)
    if held is None or held["size"] >= entry["from"]:
        return
    if held["size"] != entry["from"] - 1:
        raise Refused("the archive begins after what the held checkpoint covers", entry["from"])
    if entry["previous"] != held["head"]:
        raise Refused("the history is not the one of the checkpoint that is held", held["size"])


def take_segment(folder, entry, journal):
    expected = journal.seq + 1
    if entry["from"] != expected or entry["previous"] != journal.previous:
        raise Refused("the segments do not follow each other", expected)
    # The manifest's checkpoint is of exactly what lies there: an event behind it would pass unsigned.
    if entry["to"] > journal.checkpoint["size"]:
        raise Refused("there is more than the checkpoint signs", expected)
    name = entry["key"].rsplit("/", 1)[-1]
    data = folder(name, GROUP_BYTES_MAX)
    if len(data) != entry["bytes"] or hashlib.sha256(data).hexdigest() != entry["sha256"]:
        raise Refused("segment %s is not the file that the manifest names" % name, expected)
    rows, said, _ = segment_events(data)
    only(said, SAID, "the segment's metadata")
    if not isinstance(said["origin"], str) or not all(is_same(said[part], entry[part]) for part in SAID - {"origin"}):
        raise Refused("segment %s says something else of itself than the manifest" % name, expected)
    tree = take_rows(rows, journal, said["origin"], entry["to"])
    if (journal.seq, journal.previous, tree.root()) != (entry["to"], entry["head"], entry["root"]):
        raise Refused("segment %s does not hold what the manifest says" % name, expected)


def take_rows(rows, journal, origin, last):
    """Parquet has no column for the origin: one file is of one."""
    tree = Tree()
    for seq, digest, members, body in rows:
        if journal.seq >= last:
            raise Refused("there is more than the checkpoint signs", journal.seq + 1)
        journal.take(Event(origin, seq, digest, journal.previous, members, body))
        tree.add(digest)
    return tree


def verify_parquet_export(data, key=None, held=None):
    rows, said, named = segment_events(data)
    if "starling.checkpoint" not in named:
        raise Unreadable("the file has no checkpoint; a segment of an archive is proved with its manifest")
    checkpoint = read_json(named["starling.checkpoint"], "the checkpoint in the file")
    check_form(checkpoint)
    mark = {"origin": checkpoint["origin"], "from": 1, "to": checkpoint["size"], "previous": GENESIS}
    mark.update(head=checkpoint["head"], root=checkpoint["root"])
    if canonical(said) != canonical(mark):
        raise Refused("the file says something else of itself than its checkpoint")
    check_held(held, checkpoint, key)
    journal = Journal(checkpoint, held=held)
    take_rows(rows, journal, checkpoint["origin"], checkpoint["size"])
    journal.finish()
    check_signature(checkpoint, key)
    return told(checkpoint, "export")


# --- The command --------------------------------------------------------------------------------------------------


# What is proved is held whole while it is; a proof comes in one answer, and its JSON takes many times as much memory as text.
FILE_BYTES_MAX = 1 << 30
PROOF_BYTES_MAX = 16 << 20
# A checkpoint has less than a kilobyte.
CHECKPOINT_BYTES_MAX = 64 << 10


def read_file(path, most=FILE_BYTES_MAX):
    """What is looked at is what is opened, and no more of it is read than it had then."""
    try:
        # A pipe that nobody writes to would be waited for; Windows has no such flag, and reads texts otherwise.
        flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
        with open(os.open(path, flags), "rb") as file:
            entry = os.fstat(file.fileno())
            # A pipe or a device may have no end.
            if not stat.S_ISREG(entry.st_mode):
                raise Unreadable("%s is no file" % path)
            if entry.st_size > most:
                raise Unreadable("%s has more than %d bytes" % (path, most))
            return file.read(entry.st_size)
    except OSError as error:
        raise Unreadable("%s: %s" % (path, error.strerror))


def export_lines(data):
    """Each without its end, one after the other: a file can be nothing but ends of lines."""
    start = 0
    while start < len(data):
        end = data.find(b"\n", start)
        if end < 0:
            raise Refused("the last line has no end")
        if end - start > LINE_BYTES_MAX:
            raise Refused("a line is larger than any of a journal")
        yield data[start:end]
        start = end + 1


def verify_bytes(data, key=None, held=None):
    """Whatever a file holds, but for an archive."""
    if data[:4] == b"PAR1":
        return verify_parquet_export(data, key, held)
    if data[:20].startswith(b'{"starling":"export"'):
        return verify_export(export_lines(data), key, held)
    if len(data) > PROOF_BYTES_MAX:
        raise Unreadable("the file is no export, and has more than %d bytes" % PROOF_BYTES_MAX)
    value = read_json(data, "the file")
    names = set(value) if isinstance(value, dict) else set()
    if "inclusion" in names or "events" in names:
        return verify_task(value, key, held)
    if "event" in names:
        return verify_event(value, key, held)
    if "from" in names and "path" in names:
        return verify_consistency(value, key, held)
    if "signature" in names:
        return verify_checkpoint(value, key, held)
    raise Unreadable("the file is none of the things that can be proved")


def verify(path, key=None, held=None):
    if not os.path.isdir(path):
        return verify_bytes(read_file(path), key, held)

    def folder(name, most):
        # The name comes from the manifest: it must stay in the folder.
        if not re.fullmatch(r"[\w.-]+", name, re.ASCII) or name.startswith("."):
            raise Refused("a segment has a name that is none")
        return read_file(os.path.join(path, name), most)

    return verify_archive(folder, key, held)


# What a terminal would act on, and what cannot be written: the text of a file must not look like the verifier's own.
UNSHOWN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def shown(value):
    return UNSHOWN.sub(" ", value) if isinstance(value, str) else value


def say(result):
    result = {name: shown(value) for name, value in result.items()}
    what = {
        "export": "%(size)d events of %(origin)s, from the first to the signed head",
        "archive": "events %(first)d to %(size)d of %(origin)s, in %(segments)d segments, up to the signed head",
        "task": "task %(task)s, among the first %(size)d events of %(origin)s",
        "event": "event %(seq)d (%(type)s), among the first %(size)d events of %(origin)s",
        "consistency": "%(size)d events of %(origin)s go on from the %(held)d that you hold a checkpoint of",
        "checkpoint": "%(size)d events of %(origin)s, as signed",
    }[result["what"]]
    lines = ["Proved: " + what % result, "head  " + result["head"], "key   " + result["publicKey"]]
    lines += ["%6d  %s" % (seq, shown(kind)) for seq, kind in result.get("events", [])]
    return "\n".join(lines)


def main(argv):
    words, key, as_json = [], None, False
    arguments = iter(argv)
    for argument in arguments:
        if argument in ("-h", "--help"):
            print(__doc__)
            return 0
        if argument == "--json":
            as_json = True
        elif argument == "--key":
            key = next(arguments, "")
        elif argument.startswith("--"):
            print("verify.py: there is no option " + argument, file=sys.stderr)
            return 2
        else:
            words.append(argument)
    if len(words) not in (1, 2) or key == "":
        print(__doc__, file=sys.stderr)
        return 2
    try:
        held = read_json(read_file(words[1], CHECKPOINT_BYTES_MAX), words[1]) if len(words) == 2 else None
        result = verify(words[0], key, held)
    except Refused as error:
        where = "" if error.seq is None else " at event %d" % error.seq
        if as_json:
            print(json.dumps({"ok": False, "seq": error.seq, "reason": error.reason}))
        print(shown("verify.py: not proved%s: %s" % (where, error.reason)), file=sys.stderr)
        return 1
    except Unreadable as error:
        print(shown("verify.py: %s" % error), file=sys.stderr)
        return 2
    print(json.dumps(result) if as_json else say(result))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
