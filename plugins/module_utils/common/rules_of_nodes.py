# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rules of the catalogue about what runs on a host: privileges, images, keys, upgrades, networks, operation."""

from __future__ import annotations

from .findings import ERROR, INFO, WARNING
from .rules_table import Rule

NODES = (
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
        "Declare keys[].services in runtime.yml; the key and its variable are then kept from the others.",
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
    Rule(
        "KEY-012",
        WARNING,
        "A new key is compared with every host",
        "A host that was not asked may run the key already, under another path, and nothing in the inventory says so.",
        "Make sure that none of them runs it. A run over all hosts at once (no limit, no serial, as many forks as hosts) asks each.",
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
        "OPS-016",
        WARNING,
        "The host's clock is right",
        "How long a node has run, and whether it restarted since, is counted from what the clock said.",
        "Set the clock (timedatectl, a time service). The instant is recorded anew with the next change.",
    ),
)
