# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rules of the catalogue about what is handed in: the inventory, options, taps, sources, secrets, packages."""

from __future__ import annotations

from .findings import ERROR, WARNING
from .rules_table import Rule

INPUTS = (
    Rule(
        "INV-001",
        ERROR,
        "The inventory entry is well formed",
        "A misspelt field would silently do nothing.",
        "Correct the entry; docs/inventory.md lists the fields.",
    ),
    Rule("INV-002", ERROR, "The package, version and profile exist", "", "Choose one of those listed."),
    Rule(
        "INV-003",
        WARNING,
        "Every instance on the host is in the inventory",
        "An instance nobody lists is an instance nobody upgrades.",
        "List it, or remove it with state: absent.",
    ),
    Rule(
        "INV-004",
        WARNING,
        "Variables are spelled as the collection reads them",
        "A misspelt variable silently does nothing.",
        "Correct its name; docs/inventory.md lists the variables.",
    ),
    Rule("OPT-001", ERROR, "Options hold values of their type", "", "Set the option to a value its type accepts."),
    Rule(
        "OPT-002",
        ERROR,
        "Required options have values",
        "",
        "Set the option in avs_instances[].options; keep hidden ones in a secret store.",
    ),
    Rule(
        "OPT-003",
        ERROR,
        "Options are the profile's",
        "A misspelt option would silently do nothing.",
        "Choose one of the profile's options.",
    ),
    Rule("TAP-001", ERROR, "The tap can be read", "", "Check url and ref of the tap, and the controller's access to it."),
    Rule(
        "TAP-002",
        ERROR,
        "The tap has not expired",
        "An old index hides new versions, security releases among them.",
        "Update the tap, or ask its maintainers for a new one.",
    ),
    Rule(
        "TAP-003",
        ERROR,
        "A tap is what its name says, and no older than it was",
        "Whoever holds a tap's server can show an old signed state again, in which a security release is missing.",
        "Ask the tap's maintainers why; set ref to the commit you trust.",
    ),
    Rule("SRC-001", ERROR, "The package's source can be fetched", "", "Check the URL and the controller's access to it."),
    Rule(
        "SRC-002",
        ERROR,
        "A version is always the same commit",
        "A tag that moved hides a changed package behind a known name.",
        "Ask the AVS team why; pin the commit you trust with avs_instances[].commit.",
    ),
    Rule(
        "SRC-003",
        ERROR,
        "A package's tree is safe to unpack",
        "A link or a path out of the tree would write elsewhere.",
        "Refuse the package until its authors remove it.",
    ),
    Rule("SEC-001", ERROR, "The secret store answers", "", "Check address, certificate and state of the store."),
    Rule("SEC-002", ERROR, "The secret store lets us in", "", "Check the token or role and its policy."),
    Rule("SEC-003", ERROR, "The secret is there", "", "Check mount, path, version and field."),
    Rule(
        "SEC-004",
        WARNING,
        "Secrets come from a store",
        "A secret written into the inventory is copied with every clone.",
        "Refer to a secret store: {source: vault, path: ..., field: ...}.",
    ),
    Rule(
        "SEC-005",
        ERROR,
        "Secrets lie outside of what Ansible reads by itself",
        "Ansible parses every file below a folder that is an inventory: a password becomes the name of a host.",
        "Move it to files/ beside the inventory's folder.",
    ),
    Rule("PKG-001", ERROR, "Files are well-formed YAML", "", "Correct the YAML."),
    Rule("PKG-002", ERROR, "Fields have the types of the format", "", "Correct the field."),
    Rule("PKG-003", WARNING, "Fields are those of the format", "", "Remove or rename the field."),
    Rule("PKG-004", ERROR, "Required fields are present", "", "Add the field."),
    Rule("PKG-005", ERROR, "Names can be part of an id and a path", "", "Use small letters, digits and dashes."),
    Rule("PKG-006", ERROR, "Required files are present", "", "Add the file."),
    Rule("PKG-007", WARNING, "upgrade is optional, recommended or required", "", "Use one of the three words."),
    Rule("PKG-008", WARNING, "The plugin is an image", "Building on the host is slow and unverifiable.", "Name plugin.image."),
    Rule("PKG-009", WARNING, "node_version agrees with the tag", "", "Remove node_version; the tag is the version."),
    Rule("PKG-010", ERROR, "Options are declared well", "", "Correct the option's declaration."),
    Rule("PKG-011", WARNING, "One option for one variable", "Of two options with one target, one is ignored.", "Remove one of them."),
    Rule(
        "PKG-012",
        WARNING,
        "Options reach the compose file",
        "A setting that nothing reads does nothing.",
        "Correct target, or remove the option.",
    ),
    Rule(
        "PKG-013",
        ERROR,
        "Checksums agree",
        "A file was changed after its author listed it.",
        "Fetch the package anew; if it stays, ask its authors.",
    ),
    Rule("PKG-014", WARNING, "The package lists its checksums", "", "Add checksum.txt."),
    Rule(
        "PKG-015",
        ERROR,
        "Images are not built on the host",
        "What is built on the host was reviewed by nobody.",
        "Publish an image and name it.",
    ),
    Rule("PKG-016", ERROR, "runtime.yml is valid", "", "Correct the field; docs/package-format.md lists them."),
    Rule("PKG-017", WARNING, "Old ways of the format", "", "Follow the current format."),
    Rule("PKG-018", ERROR, "The compose model can be resolved", "", "Correct the compose file or the variables it uses."),
    Rule(
        "PKG-019",
        ERROR,
        "Mounts stay in the package, the data folder or a declared path",
        "",
        "Use a path below the package, a volume, or an option of type path_dir.",
    ),
    Rule(
        "PKG-020",
        ERROR,
        "The engine takes every setting",
        "What it refuses would be known only after others were stopped.",
        "Correct the setting in the compose file or the option that fills it.",
    ),
    Rule(
        "PKG-021",
        WARNING,
        "Comments are comments",
        "A # without a space before it, or right behind the = of an .env file, is part of the value.",
        "Put a space before the # of a comment (in .env files: a line of its own), or quotes around a value that is meant.",
    ),
)
