"""A directory that `fustor up` shows live, with fanotify as root and with inotify as anybody."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

import trees
from conftest import FUSTOR, Up, wait_for
from trees import View, entry_of

NOBODY = 65_534


class Live:
    """A tree and what is shown of it; paths are relative to the root."""

    def __init__(self, root, outside, up, as_user):
        self.root, self.outside, self.up, self.as_user = root, outside, up, as_user
        self.view = View(up.url, up.key, root.name)

    def path(self, name):
        return self.root / name

    def run(self, *command, cwd=None):
        """A program that changes something, as the user whose tree it is."""
        subprocess.run([*self.as_user, *command], cwd=cwd or self.root, check=True,
                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                       env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "HOME": os.fspath(self.outside)})

    def put(self, name, content=b"content"):
        path = self.path(name)
        path.write_bytes(content)
        self.own(path)
        return path

    def make(self, name):
        path = self.path(name)
        path.mkdir()
        self.own(path)
        return path

    def own(self, path):
        """What the tests make as root belongs to the tree's owner like everything else."""
        st = os.lstat(self.root)
        if os.getuid() == 0:
            os.chown(path, st.st_uid, st.st_gid, follow_symlinks=False)

    def shows(self, name):
        """Waits until the entry is shown as lstat tells it."""
        path = os.fsencode(self.path(name))
        target = os.readlink(path) if os.path.islink(path) else None
        expected = entry_of(os.lstat(path), target)
        last = []

        def same():
            last[:] = [self.view.entry(b"/" + os.fsencode(name))]
            return last[0] == expected
        try:
            wait_for(same, f"{name} as it is")
        except BaseException as error:
            raise AssertionError(f"{error}: {last[0]} instead of {expected}") from None

    def shows_no(self, name):
        wait_for(lambda: self.view.entry(b"/" + os.fsencode(name)) is None, f"the end of {name}")

    def equal(self, but=()):
        """Waits until everything is shown as it is."""
        trees.wait_equal(self.view, self.root, 120, but)


def reach(program):
    """A copy of a program that every user may run."""
    folder = Path(tempfile.mkdtemp(prefix="fustor-e2e-"))
    folder.chmod(0o755)
    shutil.copy(program, folder / program.name)
    return folder / program.name


@pytest.fixture(scope="module")
def program_for_all():
    program = reach(FUSTOR)
    yield program
    shutil.rmtree(program.parent)


@pytest.fixture(params=["privileged", "unprivileged"])
def live(request, tmp_path, clean_env, processes):
    """The watched tree of one of the two ways; test folders of pytest are closed to other users."""
    root_user = os.getuid() == 0
    folder = tmp_path
    prefix = []
    program = FUSTOR
    if request.param == "privileged" and not root_user:
        pytest.skip("fanotify needs root")
    if request.param == "unprivileged" and root_user:
        if shutil.which("setpriv") is None:
            pytest.skip("root cannot become somebody else: there is no setpriv")
        program = request.getfixturevalue("program_for_all")
        folder = Path(tempfile.mkdtemp(prefix="fustor-e2e-", dir=program.parent))
        request.addfinalizer(lambda: shutil.rmtree(folder))
        os.chown(folder, NOBODY, NOBODY)
        folder.chmod(0o755)
        prefix = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    root, outside = folder / "data", folder / "outside"
    for made in (root, outside):
        made.mkdir()
        if prefix:
            os.chown(made, NOBODY, NOBODY)
    env = clean_env | {"HOME": os.fspath(folder)}
    up = Up([root], [], folder / "home", tmp_path, "up", env, folder, program=program, prefix=prefix)
    processes.append(up)
    up.wait_ready()
    if prefix:
        request.addfinalizer(up.kill)
    wait_for(lambda: "Changes in" in up.output(), "how changes are seen")
    mechanism = "fanotify" if request.param == "privileged" else "inotify"
    if f"are seen by {mechanism}" not in up.output():
        pytest.skip(f"{mechanism} is not to be had here: {up.output()}")
    return Live(root, outside, up, prefix)
