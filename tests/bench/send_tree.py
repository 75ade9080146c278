"""Many small files in many folders: to a place where there are none, and once more when nothing has changed."""

import contextlib
import os

import case
import copiers
import copying
from case import Figure, Goal

SIZE = 4096
FILES_PER_FOLDER = 100
FILES = Figure("files", "/s", True, lambda r: r["files"] / r["seconds"])


class SendTree(copying.CopyingCase):
    name = "send-tree"
    about = "many small files in many folders"
    ways = {"tcpsend": copiers.Tcpsend, "tcpsend-key": copiers.TcpsendKey, "tcpsend-durable": copiers.TcpsendDurable,
               "rsync": copiers.RsyncTree, "tar-nc": copiers.TarNc, "cp": copiers.CpTree, "scp": copiers.ScpTree}  # fmt: skip
    figures = (FILES, copying.CPU_SECONDS, copying.PEAK)
    goals = (
        Goal("files", "tcpsend", 1.5, "rsync"),
        Goal("files", "tcpsend", 1.0, "tar-nc"),
        Goal("files", "tcpsend", 1.0, "cp"),
        Goal("files", "tcpsend", 20, "scp"),
    )

    def what(self, options):
        folders = -(-options.files // FILES_PER_FOLDER)
        return f"{options.files:,} files of {case.size_text(SIZE)} in {folders:,} folders"

    @contextlib.contextmanager
    def prepared(self, options):
        with case.folder(options.dir) as folder:
            tree = folder / "tree"
            for number in range(options.files):
                parent = tree / f"folder-{number // FILES_PER_FOLDER:04}"
                if number % FILES_PER_FOLDER == 0:
                    parent.mkdir(parents=True)
                (parent / f"file-{number:06}").write_bytes(os.urandom(SIZE))
            yield tree

    def measure(self, system, options, tree):
        return {"files": options.files, **self.copy(self.ways[system], tree)}

    def copy(self, copier, tree, prepare=None):
        # ext4 steps over what was removed in the last minutes, one by one, for each file that is made: copies are removed
        # in the end.
        return copying.measure(copier, tree, prepare=prepare, folder_of=case.lasting_folder)


class SendTreeAgain(SendTree):
    name = "send-tree-again"
    about = "the same once more, when nothing has changed"
    ways = {"tcpsend": copiers.Tcpsend, "tcpsend-quick": copiers.TcpsendQuick, "tcpsend-durable": copiers.TcpsendDurable,
               "rsync": copiers.RsyncTree}  # fmt: skip
    figures = (copying.SECONDS, copying.CPU_SECONDS, copying.PEAK)
    goals = (Goal("time", "tcpsend", 1.0, "rsync"), Goal("time", "tcpsend-quick", 1.0, "rsync"))

    def measure(self, system, options, tree):
        copier = self.ways[system]

        def copy_before(into):
            with case.folder() as folder, copier(folder, into) as first:
                first.copy(tree)

        return {"files": options.files, **self.copy(copier, tree, copy_before)}


CASES = (SendTree(), SendTreeAgain())
