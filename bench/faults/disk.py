"""What a disk would have kept: replays what disk.c wrote down, and makes the files that a power cut leaves.

A sync makes durable what was written before it began. Of the rest a cut keeps whatever the seed says:
nothing, all, a prefix, or any subset, of whole writes, of pages or of sectors, the later without the
earlier. A name that was made or removed since the directory was last synced may be there or not.
A failed sync keeps a part of what it was about, and no later sync makes up for the rest: that is what
Linux does.
"""

import os
import random
import struct

RECORD = struct.Struct("<IIQQQQ")
MAGIC = 0x4B534944
(OPENED, CREATED, WRITTEN, TRUNCATED, SYNCED, SYNC_FAILED, UNLINKED, MAPPED_WRITABLE) = range(1, 9)
DIRECTORY = 0
WAYS = ("nothing", "all", "prefix", "writes", "pages", "sectors")


class DiskError(Exception):
    """The log is not what disk.c writes, or something happened that it cannot follow."""


class File:
    """An inode: what is durable, and what was done to it since, oldest first."""

    def __init__(self, durable=b""):
        self.durable = bytearray(durable)
        self.pending = []  # (epoch, number, is_write, offset, data)

    @staticmethod
    def apply(content, is_write, offset, data):
        if not is_write:
            size = offset
            if len(content) > size:
                del content[size:]
            else:
                content.extend(bytes(size - len(content)))
            return
        if len(content) < offset:
            content.extend(bytes(offset - len(content)))
        content[offset : offset + len(data)] = data

    def cached(self):
        """What a process sees."""
        content = bytearray(self.durable)
        for _, _, is_write, offset, data in self.pending:
            self.apply(content, is_write, offset, data)
        return content


class Disk:
    """The files of one data directory. Processes come and go: each has a log of its own."""

    def __init__(self, seed=0, lying=False):
        self.random = random.Random(seed)
        # A lying disk answers every sync and does nothing: the canary.
        self.lying = lying
        self.names = {}
        self.durable_names = {}
        self.pending_names = []
        self.epoch = 0
        self.syncs = 0
        self.failed_syncs = 0
        self.dropped = 0
        self.kept = 0

    def read(self, log):
        """Takes a process's log."""
        self.epoch += 1
        files = {}
        with open(log, "rb") as stream:
            while True:
                head = stream.read(RECORD.size)
                if len(head) < RECORD.size:
                    return  # the last one may be cut
                magic, kind, number, file, offset, size = RECORD.unpack(head)
                if magic != MAGIC:
                    raise DiskError(f"record {number}: not a record")
                data = stream.read(size)
                if len(data) < size:
                    return
                self._take(files, kind, number, file, offset, data)

    def _take(self, files, kind, number, file, offset, data):
        if kind in (OPENED, CREATED):
            name = data.decode()
            if kind == CREATED:
                self.names[name] = File()
                self.pending_names.append((name, self.names[name]))
            elif name not in self.names:
                raise DiskError(f"{name} was there before anything was known of it")
            files[file] = self.names[name]
        elif kind == UNLINKED:
            name = data.decode()
            self.names.pop(name, None)
            self.pending_names.append((name, None))
        elif kind == WRITTEN:
            files[file].pending.append((self.epoch, number, True, offset, data))
        elif kind == TRUNCATED:
            files[file].pending.append((self.epoch, number, False, offset, b""))
        elif kind == SYNCED:
            self.syncs += 1
            if not self.lying:
                self._sync(None if file == DIRECTORY else files[file], offset)
        elif kind == SYNC_FAILED:
            self.failed_syncs += 1
            if file != DIRECTORY:
                self._fail(files[file], offset)
        elif kind == MAPPED_WRITABLE:
            raise DiskError("a database file was mapped for writing")
        else:
            raise DiskError(f"record of kind {kind}")

    def _split(self, file, before):
        """What a sync that began after record `before` is about, taken out of what is pending."""
        done = [op for op in file.pending if op[0] < self.epoch or op[1] <= before]
        file.pending = file.pending[len(done) :]
        return done

    def _sync(self, file, before):
        if file is None:
            self.durable_names = dict(self.names)
            self.pending_names = []
            return
        for _, _, is_write, offset, data in self._split(file, before):
            file.apply(file.durable, is_write, offset, data)

    def _fail(self, file, before):
        for _, _, is_write, offset, data in self._split(file, before):
            # A size is in the journal, not in a page that is given up.
            if not is_write or self.random.random() < 0.5:
                file.apply(file.durable, is_write, offset, data)

    # The cut

    def cut(self, way=None):
        """Cuts the power: only what is durable is left, and whatever else the seed says. Gives the way."""
        way = way or self.random.choice(WAYS)
        count = {"nothing": 0, "all": len(self.pending_names)}.get(
            way, self.random.randint(0, len(self.pending_names)))
        names = dict(self.durable_names)
        for name, file in self.pending_names[:count]:
            if file is None:
                names.pop(name, None)
            else:
                names[name] = file
        for file in set(names.values()):
            self._cut_file(file, way)
        self.names = names
        self.durable_names = dict(names)
        self.pending_names = []
        return way

    def _cut_file(self, file, way):
        share = {"nothing": 0.0, "all": 1.0}.get(way, self.random.choice((0.1, 0.5, 0.9)))
        end = self.random.randint(0, len(file.pending))
        grain = {"pages": 4096, "sectors": 512}.get(way)
        for index, (_, _, is_write, offset, data) in enumerate(file.pending):
            if way == "prefix":
                if index > end:
                    self.dropped += 1
                    continue
                # The last one is torn.
                torn = data[: self.random.randrange(0, len(data) + 1, 512)] if is_write else data
                file.apply(file.durable, is_write, offset, torn if index == end else data)
                self.kept += 1
            elif grain and is_write:
                # Sectors of the disk, not of the write.
                position = 0
                while position < len(data):
                    size = min(grain - (offset + position) % grain, len(data) - position)
                    if self.random.random() < share:
                        file.apply(
                            file.durable, True, offset + position, data[position : position + size])
                        self.kept += 1
                    else:
                        self.dropped += 1
                    position += size
            elif self.random.random() < share:
                file.apply(file.durable, is_write, offset, data)
                self.kept += 1
            else:
                self.dropped += 1
        file.pending = []

    def write_to(self, directory):
        """Makes the directory's database files what the disk has."""
        for name in os.listdir(directory):
            if name.startswith("store.sqlite"):
                os.unlink(os.path.join(directory, name))
        for name, file in self.names.items():
            with open(os.open(os.path.join(directory, name), os.O_WRONLY | os.O_CREAT, 0o600), "wb") as out:
                out.write(file.durable)

    def differences(self, directory):
        """Names whose content is not what the log says; only after a process that ended in order."""
        found = []
        actual = {
            name for name in os.listdir(directory)
            if name.startswith("store.sqlite") and not name.endswith("-shm")}
        for name in actual | set(self.names):
            if name not in actual or name not in self.names:
                found.append(name)
                continue
            with open(os.path.join(directory, name), "rb") as stream:
                if stream.read() != self.names[name].cached():
                    found.append(name)
        return found
