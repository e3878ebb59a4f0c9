"""The check that a change which users notice has its line in the changelog."""

import shutil
import subprocess

import pytest

from infra.local.stack import ROOT

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not here")


class Repository:
    """A repository of its own, with the script in its second commit."""

    def __init__(self, path):
        self.path = path
        self.git("init", "--quiet", "--initial-branch=main")
        self.commit("Before the script", functions="old")
        (path / ".ci").mkdir()
        shutil.copy(ROOT / ".ci/changelog", path / ".ci/changelog")
        self.commit("The script")

    def git(self, *words):
        identity = ("-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false")
        done = subprocess.run(
            ["git", *identity, *words], cwd=self.path, check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    def commit(self, message, **contents):
        """Commit contents, by file name without its ending."""
        for name, content in contents.items():
            folder = {"functions": "functions/", "terraform": "infra/terraform/"}.get(name, "")
            file = self.path / f"{folder}{'CHANGELOG' if name == 'changelog' else name}.md"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(content)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", message)

    def check(self, commits):
        """Return the exit code and what the script says of so many last commits."""
        script = self.path / ".ci/changelog"
        done = subprocess.run(
            [script, f"HEAD~{commits}..HEAD"],
            cwd=self.path,
            check=False,
            capture_output=True,
            text=True,
        )
        assert not done.stderr
        return done.returncode, done.stdout


@pytest.fixture
def repository(tmp_path):
    """A repository with the script."""
    return Repository(tmp_path)


@pytest.mark.parametrize("place", ["functions", "terraform"])
def test_a_change_without_a_line_is_named(repository, place):
    """A commit that changes the function or the deployment and no line of the changelog fails."""
    repository.commit("Faster", **{place: "new"})
    repository.commit("A document", readme="new")
    code, said = repository.check(2)
    assert code == 1
    assert "Faster: no line in CHANGELOG.md" in said
    assert said.count("\n") == 1


def test_a_change_with_a_line_passes(repository):
    """A commit that brings its line in the changelog passes."""
    repository.commit("Faster", functions="new", changelog="- faster\n")
    assert repository.check(1) == (0, "")


def test_a_line_that_is_only_taken_away_does_not_count(repository):
    """Removing a line from the changelog is not adding one."""
    repository.commit("Faster", functions="new", changelog="- a\n- b\n")
    repository.commit("Slower", functions="newer", changelog="- a\n")
    code, said = repository.check(2)
    assert code == 1
    assert "Slower" in said
    assert "Faster" not in said


def test_the_trailer_excuses_a_change(repository):
    """A commit whose message has the trailer passes; the same words elsewhere in it do not."""
    repository.commit("Names\n\nNobody notices.\n\nChangelog: none", functions="new")
    assert repository.check(1) == (0, "")
    repository.commit("Changelog: none of it\n\nmatters", functions="newer")
    assert repository.check(1)[0] == 1


def test_history_from_before_the_script_is_not_judged(repository):
    """Commits in which the script is not there yet pass, whatever they change."""
    code, said = repository.check(1)
    assert (code, said) == (0, "")
    first = repository.git("rev-list", "--max-parents=0", "HEAD")
    repository.git("checkout", "--quiet", "-b", "old", first)
    repository.commit("Old style", functions="changed")
    repository.git("checkout", "--quiet", "main")
    repository.git("merge", "--quiet", "-X", "ours", "--no-edit", "old")
    assert repository.check(1) == (0, "")
