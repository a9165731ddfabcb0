"""Computes the hashes of docs/encoding-vectors.json again, by docs/encoding.md alone.

    python3 vectors.py FILE            compares; exits with 1 where a hash is another
    python3 vectors.py FILE --write    writes the hashes that belong to the inputs
"""

import hashlib
import ipaddress
import json
import struct
import sys
import uuid
from datetime import datetime, timedelta, timezone
from decimal import Decimal

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def sha256(data):
    return hashlib.sha256(data).digest()


# --- RFC 8785 ---------------------------------------------------------------------------------------------------------


def canonical(value):
    if isinstance(value, dict):
        return "{" + ",".join(f"{canonical(key)}:{canonical(value[key])}" for key in ordered(value)) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(canonical, value)) + "]"
    if isinstance(value, float):
        return number(value)
    return json.dumps(value, ensure_ascii=False)


def ordered(keys):
    return sorted(keys, key=lambda key: key.encode("utf-16-be"))


def number(value):
    """Number::toString of ECMAScript."""
    if value == 0:
        return "0"
    sign, digits, exponent = Decimal(repr(value)).normalize().as_tuple()
    digits = "".join(map(str, digits))
    point = len(digits) + exponent
    if len(digits) <= point <= 21:
        text = digits + "0" * (point - len(digits))
    elif 0 < point <= 21:
        text = digits[:point] + "." + digits[point:]
    elif -6 < point <= 0:
        text = "0." + "0" * -point + digits
    else:
        mantissa = digits[0] + ("." + digits[1:] if len(digits) > 1 else "")
        text = f"{mantissa}e{'+' if point > 0 else '-'}{abs(point - 1)}"
    return "-" + text if sign else text


# --- Fields -----------------------------------------------------------------------------------------------------------


def fields(*values):
    return b"".join(b"\xff\xff\xff\xff" if value is None else struct.pack(">I", len(value)) + value for value in values)


def given(convert):
    return lambda value: None if value is None else convert(value)


text = given(str.encode)
int8 = given(lambda value: struct.pack(">q", value))
identifier = given(lambda value: uuid.UUID(value).bytes)


def time(value):
    return int8((datetime.fromisoformat(value) - EPOCH) // timedelta(microseconds=1))


# --- Rows, batches, headers -------------------------------------------------------------------------------------------


def leaf(row):
    redacted = row.get("redacted") or {"erased": {}, "salts": {}}
    erased = {field: bytes.fromhex(digits) for field, digits in redacted["erased"].items()}

    def field_salt_of(field):
        if row["salt"] is None:
            return bytes.fromhex(redacted["salts"][field])
        return sha256(fields(b"audit-salt-v1", bytes.fromhex(row["salt"]), field.encode()))[:16]

    def committed(field, value):
        if value is None:
            return erased.get(field)
        field_salt = field_salt_of(field)
        return sha256(fields(b"audit-commitment-v1", field.encode(), field_salt, value.encode()))

    def personal(column):
        return committed(column, row[column])

    prefix = "metadata."
    keys = [*row["metadata"], *(field.removeprefix(prefix) for field in erased if field.startswith(prefix))]
    address = row["ip_address"]
    encoded = fields(
        b"audit-row-v1",
        identifier(row["stream_id"]),
        int8(row["seq"]),
        identifier(row["id"]),
        time(row["created_at"]),
        text(row["actor_type"]),
        personal("actor_id"),
        text(row["action"]),
        text(row["target_type"]),
        personal("target_id"),
        text(row["outcome"]),
        personal("error"),
        int8(row["duration_us"]),
        identifier(row["attempt_id"]),
        text(row["request_id"]),
        text(row["trace_id"]),
        text(row["span_id"]),
        text(row["tenant_id"]),
        personal("on_behalf_of"),
        committed("ip_address", address and str(ipaddress.ip_address(address))),
        personal("user_agent"),
        text(row["origin"]),
        struct.pack(">I", len(keys)),
    )
    for key in ordered(keys):
        value = canonical(row["metadata"][key]) if key in row["metadata"] else None
        encoded += fields(key.encode(), committed(f"metadata.{key}", value))
    return sha256(b"\x00" + encoded)


def root(leaves):
    if not leaves:
        return sha256(b"")
    if len(leaves) == 1:
        return leaves[0]
    k = 1 << (len(leaves) - 1).bit_length() - 1
    return sha256(b"\x01" + root(leaves[:k]) + root(leaves[k:]))


def header_hash(header):
    return sha256(
        fields(
            b"audit-header-v1",
            identifier(header["stream_id"]),
            int8(header["batch_no"]),
            text(header["kind"]),
            int8(header["first_seq"]),
            struct.pack(">i", header["n"]),
            time(header["first_created"]),
            time(header["last_created"]),
            bytes.fromhex(header["rows_root"]),
            bytes.fromhex(header["prev_hash"]),
            time(header["writer_time"]),
            text(header["key_id"]),
        )
    )


def signed_message(header):
    return fields(b"audit-header-signature-v1", header_hash(header))


def tree_leaf(header):
    signature = header["sig"] and bytes.fromhex(header["sig"])
    return sha256(b"\x00" + fields(b"audit-tree-v1", header_hash(header), signature, time(header["db_time"])))


# --- The file ---------------------------------------------------------------------------------------------------------


def computed(vectors):
    """Each place of a hash, and what belongs there."""
    leaves = [leaf(row["row"]) for row in vectors["rows"]]
    for row, value in zip(vectors["rows"], leaves):
        yield row, "leaf", value
    for batch in vectors["batches"]:
        yield batch, "rows_root", root(leaves[: batch["rows"]])
    stream, expected = None, None
    for header in vectors["headers"]:
        if header["stream_id"] != stream:
            stream, expected = header["stream_id"], bytes(32)
        yield header, "prev_hash", expected
        yield header, "hash", header_hash(header)
        yield header, "message", signed_message(header)
        yield header, "leaf", tree_leaf(header)
        expected = bytes.fromhex(header["rows_root" if header["kind"] == "lost" else "hash"])
    for tree in vectors["trees"]:
        yield tree, "root", root([tree_leaf(header) for header in vectors["headers"][: tree["size"]]])


def main(path, write):
    with open(path, encoding="utf-8") as file:
        vectors = json.load(file)
    count = 0
    for place, name, value in computed(vectors):
        if write:
            place[name] = value.hex()
        elif place[name] != value.hex():
            sys.exit(f"{name} is {place[name]}, and should be {value.hex()}: {json.dumps(place)}")
        count += 1
    if write:
        with open(path, "w", encoding="utf-8") as file:
            json.dump(vectors, file, ensure_ascii=False, indent=2)
            file.write("\n")
    print(f"{count} hashes")


main(sys.argv[1], "--write" in sys.argv[2:])
