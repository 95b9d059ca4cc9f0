"""The model of the disk keeps what was synced and may lose what was not: python3 -m unittest in here."""

import os
import tempfile
import unittest

import disk


class Log:
    """Writes a log as disk.c does."""

    def __init__(self):
        self.data = b""
        self.number = 0

    def note(self, kind, file=0, offset=0, data=b""):
        self.number += 1
        head = disk.RECORD.pack(disk.MAGIC, kind, self.number, file, offset, len(data))
        self.data += head + data
        return self.number

    def read_by(self, target):
        with tempfile.NamedTemporaryFile() as file:
            file.write(self.data)
            file.flush()
            target.read(file.name)


def started(target):
    """A disk with one durable, empty file."""
    log = Log()
    log.note(disk.CREATED, 1, 0, b"store.sqlite")
    log.note(disk.SYNCED, disk.DIRECTORY, log.number)
    return log


class DiskTests(unittest.TestCase):
    def test_synced_is_kept_whatever_the_way(self):
        for seed in range(50):
            target = disk.Disk(seed)
            log = started(target)
            log.note(disk.WRITTEN, 1, 0, b"a" * 5000)
            log.note(disk.SYNCED, 1, log.number)
            log.note(disk.WRITTEN, 1, 8192, b"b" * 5000)
            log.read_by(target)
            target.cut()
            self.assertEqual(target.names["store.sqlite"].durable[:5000], b"a" * 5000)

    def test_a_write_during_a_sync_is_not_part_of_it(self):
        target = disk.Disk()
        log = started(target)
        before = log.note(disk.WRITTEN, 1, 0, b"a")
        log.note(disk.WRITTEN, 1, 0, b"b")
        log.note(disk.SYNCED, 1, before)
        log.read_by(target)
        target.cut("nothing")
        self.assertEqual(target.names["store.sqlite"].durable, b"a")

    def test_an_unsynced_name_may_vanish_and_an_unlinked_one_return(self):
        target = disk.Disk()
        log = started(target)
        log.note(disk.CREATED, 2, 0, b"store.sqlite-wal")
        log.note(disk.WRITTEN, 2, 0, b"w")
        log.note(disk.SYNCED, 2, log.number)
        log.note(disk.UNLINKED, 0, 0, b"store.sqlite")
        log.read_by(target)
        self.assertEqual(set(target.names), {"store.sqlite-wal"})
        target.cut("nothing")
        self.assertEqual(set(target.names), {"store.sqlite"})

    def test_torn_writes_mix_old_and_new(self):
        seen = set()
        for seed in range(200):
            target = disk.Disk(seed)
            log = started(target)
            log.note(disk.WRITTEN, 1, 0, b"a" * 1024)
            log.note(disk.SYNCED, 1, log.number)
            log.note(disk.WRITTEN, 1, 0, b"b" * 1024)
            log.read_by(target)
            target.cut("sectors")
            content = target.names["store.sqlite"].durable.decode()
            self.assertIn(content[:512], ("a" * 512, "b" * 512))
            seen.add(content[0] + content[512])
        self.assertEqual(seen, {"aa", "ab", "ba", "bb"})

    def test_a_later_sync_does_not_make_up_for_a_failed_one(self):
        kept = 0
        for seed in range(100):
            target = disk.Disk(seed)
            log = started(target)
            log.note(disk.WRITTEN, 1, 0, b"a")
            log.note(disk.SYNC_FAILED, 1, log.number)
            log.note(disk.SYNCED, 1, log.number)
            log.read_by(target)
            target.cut()
            kept += target.names["store.sqlite"].durable == b"a"
        self.assertTrue(20 < kept < 80, kept)

    def test_what_a_killed_process_left_is_synced_by_the_next(self):
        target = disk.Disk()
        log = started(target)
        log.note(disk.WRITTEN, 1, 0, b"a")
        log.read_by(target)
        following = Log()
        following.note(disk.OPENED, 1, 0, b"store.sqlite")
        following.note(disk.SYNCED, 1, following.number)
        following.read_by(target)
        target.cut("nothing")
        self.assertEqual(target.names["store.sqlite"].durable, b"a")

    def test_a_lying_disk_keeps_nothing(self):
        target = disk.Disk(lying=True)
        log = started(target)
        log.note(disk.WRITTEN, 1, 0, b"a")
        log.note(disk.SYNCED, 1, log.number)
        log.read_by(target)
        target.cut("nothing")
        self.assertEqual(target.names, {})

    def test_a_record_that_is_cut_is_not_read(self):
        target = disk.Disk()
        log = started(target)
        log.note(disk.WRITTEN, 1, 0, b"abcdef")
        log.data = log.data[:-1]
        log.read_by(target)
        self.assertEqual(target.names["store.sqlite"].cached(), b"")

    def test_files_are_written_private(self):
        target = disk.Disk()
        log = started(target)
        log.read_by(target)
        target.cut("all")
        with tempfile.TemporaryDirectory() as directory:
            target.write_to(directory)
            self.assertEqual(os.listdir(directory), ["store.sqlite"])
            mode = os.stat(os.path.join(directory, "store.sqlite")).st_mode
            self.assertEqual(mode & 0o777, 0o600)


if __name__ == "__main__":
    unittest.main()
