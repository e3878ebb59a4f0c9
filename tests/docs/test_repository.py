"""What lies beside the code: GitHub's forms and workflow, pre-commit, and what git tracks."""

import re
import shutil
import subprocess

import pytest
import yaml

from infra.local.stack import ROOT

FORMS = sorted((ROOT / ".github/ISSUE_TEMPLATE").glob("*.yml"))
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
WORKFLOW = yaml.safe_load((ROOT / ".github/workflows/check.yml").read_text())
HOOKS = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())


@pytest.mark.parametrize("file", [f for f in FORMS if f.name != "config.yml"], ids=lambda f: f.stem)
def test_a_form_is_one_that_github_shows(file):
    """An issue form has a name, a description and fields with unique ids, each with a label."""
    form = yaml.safe_load(file.read_text())
    assert form["name"]
    assert form["description"]
    fields = [field for field in form["body"] if field["type"] != "markdown"]
    assert fields
    assert all(field["type"] in {"textarea", "input", "dropdown"} for field in fields)
    assert all(field["attributes"]["label"] for field in fields)
    assert len({field["id"] for field in fields}) == len(fields)


def test_vulnerabilities_are_reported_in_private():
    """Whoever opens an issue is shown the way to the private report of a vulnerability."""
    [config] = [f for f in FORMS if f.name == "config.yml"]
    links = yaml.safe_load(config.read_text())["contact_links"]
    assert any(link["url"].endswith("/security/advisories/new") for link in links)
    assert all(link["name"] and link["about"] for link in links)


def test_the_workflow_runs_the_same_check_as_a_developer():
    """The workflow runs `.ci/run`, and `.ci/changelog` on a pull request's commits; both can be run."""
    jobs = WORKFLOW["jobs"]
    commands = [
        step["run"].split()[0] for job in jobs.values() for step in job["steps"] if "run" in step
    ]
    assert commands == [".ci/run", ".ci/changelog"]
    assert all((ROOT / command).stat().st_mode & 0o100 for command in commands)
    assert WORKFLOW["permissions"] == {"contents": "read"}


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda f: f.stem)
def test_a_workflow_has_few_rights(file):
    """Each workflow says when it runs and what it may do, and every step of it uses or runs something."""
    workflow = yaml.safe_load(file.read_text())
    assert workflow[True]  # YAML reads `on` as a truth value
    assert workflow["permissions"]
    steps = [step for job in workflow["jobs"].values() for step in job["steps"]]
    assert steps
    assert all(("uses" in step) != ("run" in step) for step in steps)


def test_pre_commit_uses_the_pinned_ruff():
    """The hooks run the version of ruff that requirements-dev.txt pins."""
    [pin] = re.findall(r"(?m)^ruff==\S+", (ROOT / "requirements-dev.txt").read_text())
    hooks = [hook for repo in HOOKS["repos"] for hook in repo["hooks"]]
    assert [hook["additional_dependencies"] for hook in hooks] == [[pin], [pin]]
    assert [hook["entry"].split()[:2] for hook in hooks] == [["ruff", "check"], ["ruff", "format"]]


@pytest.mark.skipif(
    shutil.which("git") is None or not (ROOT / ".git").exists(), reason="not a git checkout"
)
def test_no_ignored_file_is_tracked():
    """What .gitignore names is not in the repository."""
    done = subprocess.run(
        ["git", "ls-files", "--cached", "--ignored", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout == ""
