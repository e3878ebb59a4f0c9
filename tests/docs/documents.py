"""The documents of the repository, as tests read them."""

import re

from infra.local.stack import ROOT

DOCUMENTS = {
    str(file.relative_to(ROOT)): file.read_text()
    for file in sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
}
DEPLOY = DOCUMENTS["docs/deploy.md"]
CONFIGURE = DOCUMENTS["docs/configure.md"]
API = DOCUMENTS["docs/api.md"]
OPERATE = DOCUMENTS["docs/operate.md"]
PERMISSIONS = DOCUMENTS["docs/permissions.md"]


def section(document, heading):
    """Return what stands under a heading, up to the next one."""
    after = re.split(rf"(?m)^#+ {re.escape(heading)}\n", prose_only_headings(document))[1]
    return re.split(r"(?m)^#+ ", after)[0].replace("\0", "#")


def prose_only_headings(document):
    """Return a document in which comments of code blocks do not look like headings."""
    return re.sub(r"(?ms)^```.*?^```", lambda block: block[0].replace("\n#", "\n\0"), document)


def shell(document, heading):
    """Return the shell blocks of a section."""
    return re.findall(r"```sh\n(.+?)```", section(document, heading), re.DOTALL)
