#!/usr/bin/env python3
"""Sizes of the protocol's own stanzas in several formats: python3 bench/sizes.py [--json] [--names]

The stanzas are those of docs/PROTOCOL.md, with users that are telephone numbers, ids of 16 upper-case
hex digits and times in seconds; with --names users that are words and ids of lower-case digits, which
cannot be packed. 200 of each kind from a fixed seed, of which the mean counts. No frame headers.
codec-bench must be built.
"""

import json
import os
import random
import subprocess
import sys
import tempfile

import peers

DOMAIN = "chat.example"
COUNT = 200
# Messages, errors and contacts carry content; these carry signals, and most of what goes over the wire.
CONTROL = [
    "receipt (sent)", "receipt", "receipt read", "ack", "ack of a receipt", "ack (sent)",
    "presence (sent)", "presence", "presence unavailable", "chatstate", "ping", "pong",
]
TEXTS = [
    "On my way", "See you at eight then", "ok", "Can you call me back when you have a minute?",
    "Thanks! That is exactly what I was looking for.", "Where are you?",
]


def node(tag, attrs=None, content=None):
    made = {"tag": tag, "attrs": attrs or {}}
    if content is not None:
        made["content"] = content
    return made


def stanzas(random, names):
    def user():
        if names:
            return "".join(random.choices("abcdefghijklmnopqrstuvwxyz", k=random.randrange(4, 12)))
        return random.choice(["4477009", "4917212", "3361234", "1202555"]) + "".join(
            random.choices("0123456789", k=random.choice([4, 5, 5, 6])))

    def jid(device=False):
        return f"{user()}@{DOMAIN}" + (f"/{random.randrange(4)}" if device else "")

    def stanza_id():
        return "".join(random.choices("0123456789abcdef" if names else "0123456789ABCDEF", k=16))

    def time():
        return str(random.randrange(1_700_000_000, 1_800_000_000))

    def number():
        return str(random.randrange(1, 300))

    body = [node("body", content=random.choice(TEXTS))]
    state = [node(random.choice(["composing", "paused"]))]
    missing = [node("error", {"type": "cancel"}, [node("item-not-found")])]
    contacts = [node("contacts", content=[node("contact", {"jid": jid()}) for _ in range(20)])]
    return {
        "message (sent)": node("message", {"to": jid(), "id": stanza_id()}, body),
        "message": node("message", {"from": jid(True), "id": stanza_id(), "t": time()}, body),
        "receipt (sent)": node("receipt", {"to": jid(True), "id": stanza_id()}),
        "receipt": node("receipt", {"from": jid(True), "id": stanza_id(), "t": time()}),
        "receipt read": node(
            "receipt", {"from": jid(True), "id": stanza_id(), "type": "read", "t": time()}),
        "ack": node("ack", {"class": "message", "id": stanza_id(), "from": jid(), "t": time()}),
        "ack of a receipt": node(
            "ack", {"class": "receipt", "id": stanza_id(), "from": jid(True), "t": time()}),
        "ack (sent)": node("ack", {"class": "receipt", "id": stanza_id(), "to": jid(True)}),
        "presence (sent)": node("presence"),
        "presence": node("presence", {"from": jid(), "t": time()}),
        "presence unavailable": node(
            "presence", {"from": jid(), "type": "unavailable", "t": time()}),
        "chatstate": node("chatstate", {"from": jid(True)}, state),
        "ping": node("iq", {"id": number(), "type": "get"}, [node("ping")]),
        "pong": node("iq", {"id": number(), "type": "result"}),
        "error": node("message", {"type": "error", "id": stanza_id(), "from": jid()}, missing),
        "20 contacts": node("iq", {"type": "result", "id": number()}, contacts),
    }


def own_sizes(binary, lines):
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as file:
        file.writelines(json.dumps(line) + "\n" for line in lines)
        file.flush()
        command = [binary, "--stanzas", file.name, "--domain", DOMAIN, "--sizes"]
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return [int(line) for line in output.split()]


def main():
    root = os.path.dirname(os.path.abspath(__file__))
    binary = os.environ.get("CODEC_BENCH", f"{root}/.build/release/codec-bench")
    generator = random.Random(1)
    names = "--names" in sys.argv
    lines = [
        {"name": name, "node": stanza}
        for _ in range(COUNT) for name, stanza in stanzas(generator, names).items()
    ]
    schema = peers.Schema([line["node"] for line in lines], DOMAIN)
    sums = {}
    for line, own in zip(lines, own_sizes(binary, lines), strict=True):
        stanza, xml = line["node"], peers.to_xml(line["node"])
        sizes = {
            "tern": own, "protobuf": len(schema.message(stanza).SerializeToString()),
            "cbor": len(schema.cbor(stanza)), "xml": len(xml.encode()),
            "xml+zlib": len(peers.deflated(xml)),
        }
        row = sums.setdefault(line["name"], dict.fromkeys(sizes, 0))
        for format, size in sizes.items():
            row[format] += size
    rows = {name: {f: size / COUNT for f, size in row.items()} for name, row in sums.items()}
    formats = list(next(iter(rows.values())))
    rows["control stanzas together"] = {f: sum(rows[k][f] for k in CONTROL) for f in formats}
    together = rows["control stanzas together"]
    ratio = together["tern"] / together["protobuf"]
    if "--json" in sys.argv:
        print(json.dumps({"sizes": rows, "ratio": ratio}))
        return
    print("| bytes of a payload | " + " | ".join(formats) + " |")
    print("|---|" + "---|" * len(formats))
    for name, row in rows.items():
        print(f"| {name} | " + " | ".join(f"{row[f]:.1f}" for f in formats) + " |")
    print(f"\ncontrol stanzas, tern / protobuf: {ratio:.3f} (goal: at most 1.2)")


if __name__ == "__main__":
    main()
