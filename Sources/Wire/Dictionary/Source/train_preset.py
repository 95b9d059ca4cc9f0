#!/usr/bin/env python3
"""Trains preset dictionary 1 and writes preset-1.hex: the 2 KB that raw deflate may refer to before a
frame's own bytes. Prints what it gains on stanzas whose texts and names training has not seen.

Stanzas are made up from phrases.txt, names, numbers and ids, then encoded with the words of
words-1.txt. The same source and the same zlib give the same bytes. With --evaluate nothing is written:
the figures are those of the preset-1.hex that is there. With --dump the held-out stanzas come out in
hex, for deflate_cost.c."""

import pathlib
import random
import sys
import zlib

from generate import SOURCE, indices, read_words

SIZE = 2048
SEED = 1
LEVEL, WINDOW_BITS, MEMORY_LEVEL = 6, 13, 5  # as Deflater
TRAINING_COUNT, HELD_OUT_COUNT = 6000, 3000

NAMES = """alice bob carol david emma farid grace hugo ines jonas karim lena maria nadia oskar paula
quentin ravi sofia tomas ulla viktor wei xenia yusuf zoe anna.b ben_k chris-m daniel eva.lopez felix
giulia hannah ivan julia.s kenji lucas marta noah olga pedro""".split()
PREFIXES = "49 44 33 34 39 55 52 90 62 7 91 20 234 1".split()


# The encoder: the part of section 4 of docs/PROTOCOL.md that these stanzas need.

class Encoder:
    def __init__(self):
        self.tokens = {word: index for index, word in indices(*read_words(SOURCE / "words-1.txt"))}
        self.counts = {}

    def text(self, text):
        if text in self.tokens:
            self.counts[text] = self.counts.get(text, 0) + 1
            return self.tokens[text]
        if 1 <= len(text) <= 127:
            if all(c in "0123456789-." for c in text):
                return b"\xff" + self.packed(text, "0123456789-.")
            if all(c in "0123456789ABCDEF" for c in text):
                return b"\xfb" + self.packed(text, "0123456789ABCDEF")
        return self.raw(text.encode())

    @staticmethod
    def packed(text, alphabet):
        digits = [alphabet.index(c) for c in text] + ([15] if len(text) % 2 else [])
        header = (len(text) % 2) << 7 | len(digits) // 2
        return bytes([header] + [a << 4 | b for a, b in zip(digits[::2], digits[1::2])])

    @staticmethod
    def raw(data):
        if len(data) < 256:
            return b"\xfc" + bytes([len(data)]) + data
        return b"\xfd" + len(data).to_bytes(3, "big") + data

    def value(self, value):
        if isinstance(value, str):
            return self.text(value)
        user, device = value  # an address of the own domain
        if device is None:
            return b"\xfa" + self.text(user) + b"\x03"
        return bytes([0xF7, 0, device]) + self.text(user)

    @staticmethod
    def count(count):
        if count == 0:
            return b"\x00"
        return bytes([0xF8, count]) if count < 256 else b"\xf9" + count.to_bytes(2, "big")

    def node(self, tag, attributes=(), content=None):
        count = 1 + 2 * len(attributes) + (content is not None)
        data = self.count(count) + self.text(tag)
        for key, value in attributes:
            data += self.text(key) + self.value(value)
        if isinstance(content, list):
            data += self.count(len(content)) + b"".join(self.node(*child) for child in content)
        elif isinstance(content, bytes):
            data += self.raw(content)
        elif content is not None:
            data += self.text(content)
        return data


# The stanzas.

def read_phrases(is_held_out):
    languages, current = {}, None
    for line in (SOURCE / "phrases.txt").read_text().splitlines():
        if line.startswith("["):
            current = languages.setdefault(line.strip("[]"), [])
        elif line and not line.startswith("#"):
            current.append(line)
    return {
        name: [p for i, p in enumerate(phrases) if (i % 4 == 3) == is_held_out]
        for name, phrases in languages.items()}


class Stanzas:
    """Stanzas of tern/1 at random, in the proportions of a messenger's traffic."""

    LANGUAGES = {"en": 26, "es": 12, "pt": 12, "de": 8, "fr": 8, "it": 6, "tr": 6, "id": 8, "ru": 8,
                 "hi": 8, "ar": 8, "emoji": 6}
    KINDS = {"message to the server": 15, "message to a device": 15, "message with media": 4,
             "encrypted message": 8, "long message": 2, "receipt to the server": 13,
             "receipt to a device": 10, "ack": 14, "chatstate": 8, "presence": 7, "ping": 1,
             "contacts": 2, "error": 1}

    def __init__(self, seed, is_held_out):
        self.random = random.Random(seed)
        self.phrases = read_phrases(is_held_out)
        self.names = [name for i, name in enumerate(NAMES) if (i % 4 == 3) == is_held_out]
        self.host = "cdn.example.net/m/" if is_held_out else "media.example.com/v1/files/"
        self.encoder = Encoder()

    def user(self):
        if self.random.random() < 0.5:
            prefix = self.random.choice(PREFIXES)
            return prefix + "".join(self.random.choices("0123456789", k=11 - len(prefix)))
        name = self.random.choice(self.names)
        return name + (str(self.random.randrange(100)) if self.random.random() < 0.3 else "")

    def id(self):
        kind = self.random.random()
        if kind < 0.6:
            return self.random.choice(["3EB0", "3A"]) + self.random.randbytes(8).hex().upper()
        return self.random.randbytes(8).hex().upper()

    def time(self):
        return str(1_700_000_000 + self.random.randrange(200_000_000))

    def device(self):
        return self.random.choice([0, 0, 0, 1, 2, 7])

    def body(self, count=None):
        language = self.random.choices(list(self.LANGUAGES), list(self.LANGUAGES.values()))[0]
        phrases = self.phrases[language]
        count = count or self.random.choice([1, 1, 1, 1, 2, 3])
        text = " ".join(self.random.choice(phrases) for _ in range(count))
        return text[0].upper() + text[1:] if self.random.random() < 0.5 else text

    def make(self, kind):
        head = [("to", (self.user(), None)), ("id", self.id())]
        stamped = [("from", (self.user(), self.device())), ("id", self.id()), ("t", self.time())]
        if kind == "message to the server":
            return "message", head, [("body", [], self.body())]
        if kind == "message to a device":
            return "message", stamped, [("body", [], self.body())]
        if kind == "long message":
            return "message", stamped, [("body", [], self.body(self.random.randrange(6, 30)))]
        if kind == "encrypted message":
            data = self.random.randbytes(self.random.randrange(60, 240))
            return "message", stamped, [("enc", [("v", "2"), ("type", "msg")], data)]
        if kind == "message with media":
            path = self.random.randbytes(16).hex()
            media = [("type", "image"), ("mimetype", "image/jpeg"),
                     ("url", f"https://{self.host}{path}.jpg"),
                     ("size", str(self.random.randrange(20_000, 900_000))),
                     ("width", "1200"), ("height", "1600")]
            key = self.random.randbytes(32)
            return "message", stamped, [("body", [], self.body()), ("media", media, key)]
        if kind == "receipt to the server":
            to = [("to", (self.user(), self.device())), ("id", self.id())]
            return "receipt", to + self.read(), None
        if kind == "receipt to a device":
            return "receipt", stamped[:2] + self.read() + stamped[2:], None
        if kind == "ack":
            name = self.random.choice(["message", "message", "receipt"])
            address = (self.user(), None if name == "message" else self.device())
            return "ack", [("class", name), ("id", self.id()), ("from", address),
                           ("t", self.time())], None
        if kind == "chatstate":
            state = self.random.choice(["composing", "composing", "paused"])
            return "chatstate", [stamped[0]], [(state,)]
        if kind == "presence":
            gone = self.random.choice([[], [("type", "unavailable")]])
            return "presence", [("from", (self.user(), None))] + gone + [stamped[2]], None
        if kind == "ping":
            return "iq", [("id", str(self.random.randrange(99))), ("type", "get")], [("ping",)]
        if kind == "contacts":
            contacts = [("contact", [("jid", (self.user(), None))])
                        for _ in range(self.random.randrange(1, 60))]
            return "iq", [("type", "result"), ("id", "1")], [("contacts", [], contacts)]
        error = ("error", [("type", "cancel")], [("item-not-found",)])
        return "message", [("type", "error")] + head[1:] + [("from", head[0][1])], [error]

    def read(self):
        return [("type", "read")] if self.random.random() < 0.4 else []

    def frames(self, count):
        """Kinds and payloads."""
        kinds = self.random.choices(list(self.KINDS), list(self.KINDS.values()), k=count)
        return [(kind, self.encoder.node(*self.make(kind))) for kind in kinds]


# The training.

def deflated_size(payload, preset):
    stream = zlib.compressobj(
        LEVEL, zlib.DEFLATED, -WINDOW_BITS, MEMORY_LEVEL, zlib.Z_DEFAULT_STRATEGY, preset)
    return len(stream.compress(payload) + stream.flush())


def total_size(payloads, preset):
    return sum(min(len(p), deflated_size(p, preset)) for p in payloads)


def segments(payloads, gram, size):
    """The runs of bytes that cover most of what many frames share, best first: each has the greatest
    sum, over its grams that no run before it has, of the number of frames that hold the gram."""
    frequency = {}
    for payload in payloads:
        for found in {payload[i:i + gram] for i in range(len(payload) - gram + 1)}:
            frequency[found] = frequency.get(found, 0) + 1
    frequency = {found: count for found, count in frequency.items() if count > 2}
    while True:
        best, best_score = None, 0.0
        for payload in payloads:
            worth = [frequency.get(payload[i:i + gram], 0)
                     for i in range(len(payload) - gram + 1)]
            for start in range(len(worth)):
                score, seen = 0, set()
                for offset, value in enumerate(worth[start:start + size]):
                    found = payload[start + offset:start + offset + gram]
                    if value == 0 or found in seen:
                        break
                    seen.add(found)
                    score += value
                    if score / (offset + gram) > best_score:
                        best = payload[start:start + offset + gram]
                        best_score = score / (offset + gram)
        if best is None:
            return
        yield best
        for i in range(len(best) - gram + 1):
            frequency.pop(best[i:i + gram], None)


def assembled(chosen):
    """The best at the end, where references to it are cheapest."""
    return b"".join(reversed(chosen))[-SIZE:]


def train(payloads, generator):
    candidates = {}
    sample = [p for p in payloads if len(p) < 1000][:1500]
    for gram in (4, 5, 6):
        for size in (12, 24):
            chosen = []
            for segment in segments(sample, gram, size):
                chosen.append(segment)
                if sum(map(len, chosen)) > 2 * SIZE:
                    break
            candidates[gram, size] = chosen
    scored = {key: total_size(payloads[:2000], assembled(fit(chosen)))
              for key, chosen in candidates.items()}
    for key, size in scored.items():
        print(f"  grams of {key[0]}, runs of {key[1] + key[0] - 1} at most: {size}")
    best = min(scored, key=scored.get)
    pool = [s for key, chosen in candidates.items() for s in chosen]
    return improved(fit(candidates[best]), pool, payloads, generator)


def fit(chosen):
    """As many of the best as there is room for."""
    kept = []
    for segment in chosen:
        if sum(map(len, kept)) + len(segment) <= SIZE:
            kept.append(segment)
    return kept


def improved(chosen, pool, payloads, generator, rounds=3000):
    """Exchanges and moves runs at random as long as that makes the training set smaller."""
    sample = generator.sample(payloads, 700)
    best = total_size(sample, assembled(chosen))
    for _ in range(rounds):
        trial = list(chosen)
        taken = trial.pop(generator.randrange(len(trial)))
        if generator.random() < 0.3:
            trial.insert(generator.randrange(len(trial) + 1), taken)
        else:
            while sum(map(len, trial)) + 4 < SIZE:
                segment = generator.choice(pool)
                if segment in trial or sum(map(len, trial)) + len(segment) > SIZE:
                    break
                trial.insert(generator.randrange(len(trial) + 1), segment)
        size = total_size(sample, assembled(trial))
        if size < best:
            chosen, best = trial, size
    # What is left of the room, filled with the runs of the pool at the far end.
    for segment in pool:
        if segment not in b"".join(chosen) and sum(map(len, chosen)) + len(segment) <= SIZE:
            chosen.append(segment)
    return assembled(chosen)


# The evaluation.

def evaluate(frames, preset):
    print(f"{'kind':24}{'frames':>8}{'plain':>9}{'zlib':>9}{'preset':>9}{'ratio':>8}{'smaller':>9}")
    kinds = sorted({kind for kind, _ in frames}) + ["all"]
    for kind in kinds:
        row(kind, [p for k, p in frames if kind in (k, "all")], preset)
    edges = [0, 24, 32, 48, 64, 96, 128, 256, 512, 1024, 1 << 16]
    for low, high in zip(edges, edges[1:]):
        row(f"{low} to {high - 1} bytes", [p for _, p in frames if low <= len(p) < high], preset)


def row(name, payloads, preset):
    if not payloads:
        return
    plain = sum(map(len, payloads))
    by_zlib = sum(min(len(p), len(zlib.compress(p, 6))) for p in payloads)
    sizes = [(len(p), deflated_size(p, preset)) for p in payloads]
    by_preset = sum(min(pair) for pair in sizes)
    smaller = sum(after < before for before, after in sizes) / len(sizes)
    print(f"{name:24}{len(payloads):8}{plain / len(payloads):9.1f}{by_zlib / len(payloads):9.1f}"
          f"{by_preset / len(payloads):9.1f}{by_preset / plain:8.3f}{smaller:9.1%}")


def main():
    path = SOURCE / "preset-1.hex"
    training = Stanzas(SEED, is_held_out=False)
    frames = training.frames(TRAINING_COUNT)
    if not {"--evaluate", "--dump"} & set(sys.argv[1:]):
        preset = train([payload for _, payload in frames], random.Random(SEED))
        rows = [preset[start:start + 32].hex() for start in range(0, len(preset), 32)]
        path.write_text("\n".join(rows) + "\n")
    preset = bytes.fromhex(path.read_text())
    print(f"preset: {len(preset)} bytes; zlib {zlib.ZLIB_RUNTIME_VERSION}", file=sys.stderr)
    held_out = Stanzas(SEED + 1, is_held_out=True)
    frames = held_out.frames(HELD_OUT_COUNT)
    if "--dump" in sys.argv[1:]:
        for _, payload in frames:
            print(payload.hex())
    else:
        evaluate(frames, preset)


if __name__ == "__main__":
    main()
