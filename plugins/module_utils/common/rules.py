# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The catalogue of rules: every id a finding may carry, in one table. ``docs/rules.md`` is generated from it."""

from __future__ import annotations

from dataclasses import dataclass

from .findings import ERROR, INFO, WARNING, Finding


@dataclass(frozen=True)
class Rule:
    """``severity`` is the usual one; a check may lower it where it fixes what it found."""

    id: str
    severity: str
    title: str
    why: str
    fix: str


_TABLE = (
    Rule(
        "PRIV-001",
        WARNING,
        "Every service states its privileges",
        "A container should run with least privilege, and only its author knows what it needs.",
        "Ask the AVS team to list the service under privileges in runtime.yml.",
    ),
    Rule(
        "PRIV-002",
        ERROR,
        "No way out of the container",
        "Privileged mode, the host's namespaces, the engine's socket or a dangerous capability give the host away; so may a setting nobody has judged.",
        "Remove it from the package, or grant an exception with a reason (avs_instances[].exceptions).",
    ),
    Rule(
        "PRIV-003",
        WARNING,
        "No service runs as root without a reason",
        "Root in the container is one bug away from root on the host.",
        "State a numeric user under privileges in runtime.yml.",
    ),
    Rule(
        "PRIV-005", INFO, "An exception is in force", "Exceptions should stay visible.", "Remove the exception when it is no longer needed."
    ),
    Rule(
        "PRIV-006",
        WARNING,
        "Nothing in a package is an order to other programs",
        "Proxies, schedulers and updaters act on labels and variables of any container of their host.",
        "Make sure no program on the host acts on it, or have the package's authors remove it.",
    ),
    Rule(
        "IMG-001",
        WARNING,
        "Images are named by a fixed tag or digest",
        "A floating tag gives every host and every day another program.",
        "Name a release tag or a digest in the package.",
    ),
    Rule(
        "IMG-005",
        ERROR,
        "The image runs on this host's platform",
        "An image for another processor does not start.",
        "Use a package version built for this platform, or another host.",
    ),
    Rule(
        "IMG-006",
        ERROR,
        "The image can be had",
        "Nothing may be stopped before its successor is on the host.",
        "Check the image name, the registry and the host's login to it.",
    ),
    Rule("KEY-001", ERROR, "No key material in a package", "A key in a package is a key everybody has.", "Remove it, and replace the key."),
    Rule(
        "KEY-002",
        WARNING,
        "Keys are mounted read-only and as a folder",
        "A writable key can be lost, and a single mounted file never sees a rotation.",
        "Name the container's key folder with keys[].mount in runtime.yml.",
    ),
    Rule(
        "KEY-003",
        WARNING,
        "No secrets in the environment",
        "A process hands its environment to its children and to anyone who may inspect the container.",
        "Ask the AVS team to read the secret from a file.",
    ),
    Rule(
        "KEY-004",
        WARNING,
        "Secrets reach only the service that needs them",
        "A public proxy that holds the key's password is a way to the key.",
        "Declare keys[].services in runtime.yml; the variable is then kept from the others.",
    ),
    Rule(
        "KEY-006",
        ERROR,
        "One key in one place",
        "Two nodes with one key sign twice, and signing twice is slashed.",
        "Give each instance a key of its own.",
    ),
    Rule(
        "KEY-010",
        ERROR,
        "A key has the form of its kind",
        "A node that cannot open its key does not sign, and says so only after it replaced the one that did.",
        "Store a keystore of the kind that is named, or correct the kind.",
    ),
    Rule(
        "KEY-011",
        WARNING,
        "A key says whose it is",
        "What states no public id is compared by the content of its file: the same key under another password is not noticed.",
        "Use a keystore that states its public id, where there is one.",
    ),
    Rule("KEY-009", ERROR, "Every declared key is supplied", "A node without its key does not sign.", "Add it to avs_instances[].keys."),
    Rule(
        "UPG-001",
        ERROR,
        "Operators control upgrades",
        "A service that replaces others, or an image pulled at every start, upgrades a node behind its operator's back.",
        "Remove the updater and pull_policy from the package.",
    ),
    Rule(
        "UPG-002",
        WARNING,
        "A version has release notes",
        "Operators must know what changes before they upgrade.",
        "Add CHANGELOG.md to the package.",
    ),
    Rule(
        "UPG-004",
        WARNING,
        "Migrations can be reverted",
        "A migration without a way back turns a failed upgrade into a restore.",
        "Declare revert beside the migration's command.",
    ),
    Rule(
        "UPG-005",
        ERROR,
        "A changed version is not applied here",
        "Upgrades are taken on purpose, with a backup and a way back.",
        "Set the version back to the installed one.",
    ),
    Rule(
        "UPG-006",
        ERROR,
        "A volume stays what it was made of",
        "The engine never changes a volume that is there, and to make it anew would lose what it holds.",
        "Set the option back, or remove the volume yourself while the instance is absent.",
    ),
    Rule(
        "NET-001",
        WARNING,
        "Ports are published where declared only",
        "A port on all interfaces is open to the world, whatever the host's firewall says.",
        "Declare the port under privileges.<service>.ports as loopback or public.",
    ),
    Rule(
        "NET-002",
        ERROR,
        "Names, ports and subnets are free on the host",
        "Two containers cannot share a port, a name or a network by accident, and a subnet over the host's own network cuts the host off.",
        "Remove what stands in the way, or choose what the package lets you choose: a port of an option, another tag.",
    ),
    Rule(
        "NET-003",
        WARNING,
        "Networks are the package's own",
        "On a network of the operator's a node reaches whatever else is there, and that reaches the node past its published ports.",
        "Make sure that is wanted, or have the package's authors remove the network.",
    ),
    Rule(
        "OPS-001",
        INFO,
        "The AVS team can be reached",
        "Upgrades and incidents need a channel between the team and operators.",
        "Add contact to runtime.yml.",
    ),
    Rule(
        "OPS-002",
        WARNING,
        "The host meets the package's hardware requirements",
        "A node that is too slow misses its duties.",
        "Use a bigger host, or another profile.",
    ),
    Rule(
        "OPS-004",
        ERROR,
        "The host has a usable engine",
        "Compose v2 and a current engine are needed.",
        "Run restaking.avs.site, whose docker role installs one.",
    ),
    Rule(
        "OPS-005",
        ERROR,
        "The instance can be started",
        "The engine refused to create or start a container.",
        "Read the engine's message; the next run goes on from here.",
    ),
    Rule(
        "OPS-006", ERROR, "The instance becomes healthy", "An unhealthy node does not sign.", "Read its logs on the host with docker logs."
    ),
    Rule(
        "OPS-008",
        ERROR,
        "Packages are resolved apart from the host",
        "Compose reads whatever file a package names, so it runs where there is nothing but the package.",
        "Look at what the host forbids root (namespaces, mounts); docs/decisions/compose-apart.md says what is needed.",
    ),
    Rule(
        "OPS-010",
        ERROR,
        "What this collection keeps on a host is as it left it",
        "A record somebody else wrote says nothing of the node, and a label alone makes no container ours.",
        "Put it back, or remove it; the finding names it.",
    ),
    Rule(
        "OPS-011",
        WARNING,
        "A node ends when it is asked to",
        "A node that is killed may leave its data in need of repair.",
        "Raise avs_stop_timeout, or ask the AVS team for a node that ends in time.",
    ),
    Rule(
        "OPS-012",
        WARNING,
        "A node keeps running",
        "A node that restarts again and again does not sign.",
        "Read its logs on the host with docker logs.",
    ),
    Rule(
        "OPS-013",
        INFO,
        "Containers are made by the rules of this release",
        "A newer release of the collection recreates no container by itself.",
        "Set avs_renew: true for one run, which recreates what differs; --check --diff shows it before.",
    ),
    Rule(
        "OPS-014",
        ERROR,
        "What a newer release wrote is read by that release",
        "An older one would take it for something else.",
        "Use the release of restaking.avs that wrote it, or a newer one.",
    ),
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

RULES = {rule.id: rule for rule in _TABLE}


def finding(rule_id: str, place: str, message: str, remedy: str | None = None, severity: str | None = None) -> Finding:
    """A finding of a rule in the catalogue: severity and remedy are the rule's unless given. Unknown ids raise ``KeyError``."""
    rule = RULES[rule_id]
    return Finding(rule.id, severity or rule.severity, place, message, rule.fix if remedy is None else remedy)
