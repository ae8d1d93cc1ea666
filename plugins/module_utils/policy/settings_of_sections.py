# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rows of the table of compose settings: top level, networks, volumes, configs, secrets."""

from __future__ import annotations

from . import setting_values as v
from . import setting_verdicts as verdict
from .settings_table import Setting

_RESOLVED = "read by compose, which sees the package alone; nothing of it is left"
_OTHERS = "labels are orders to programs of the operator"
_FILE = "would reach outside of the package, or be empty when services start"
_SWARM = "of a swarm; a host of ours is none"

SECTIONS: tuple[Setting, ...] = (
    Setting("version", v.ANY, "compose ignores it", "left out"),
    Setting("name", v.ANY, "the project is the instance's", "`avs-<id>`"),
    Setting("include", v.elsewhere("files of the package"), "what lies outside is not the package's", _RESOLVED),
    Setting("models", v.never("models is not a setting known to be safe"), "starts programs of the engine beside the containers"),
    Setting("jobs", v.never("jobs is not a setting known to be safe"), "starts containers nobody watches"),
    Setting("services", v.INNER, ""),
    Setting("networks", v.INNER, ""),
    Setting("networks.*", verdict.NETWORK, "another instance's network, or the host's, is a way around published ports"),
    Setting("networks.*.name", v.NAME, "part of a command line", "`avs-<id>_<network>`, unless external"),
    Setting("networks.*.driver", verdict.NETWORK_DRIVER, "macvlan, ipvlan, host and plugins go past the host's published ports"),
    Setting("networks.*.driver_opts", verdict.NETWORK_OPTIONS, "others name a bridge of the host, or open containers past their published ports"),
    Setting("networks.*.external", v.ANY, "see `networks.*`"),
    Setting("networks.*.internal", v.BOOLEAN, "closes the network"),
    Setting("networks.*.enable_ipv4", v.BOOLEAN, "of the network's own"),
    Setting("networks.*.enable_ipv6", v.BOOLEAN, "of the network's own"),
    Setting("networks.*.attachable", v.BOOLEAN, "of a swarm; does nothing here"),
    Setting("networks.*.labels", verdict.LABELS, _OTHERS, "with `avs.spec`"),
    Setting("networks.*.ipam", v.INNER, ""),
    Setting("networks.*.ipam.driver", verdict.IPAM_DRIVER, "others are plugins of the engine"),
    Setting("networks.*.ipam.options", v.never("an IPAM option is not known to be safe"), "of plugins"),
    Setting("networks.*.ipam.config", v.INNER, ""),
    Setting("networks.*.ipam.config[].subnet", v.elsewhere("a subnet that is free (NET-002)"), "one of the host's own networks would cut it off"),
    Setting("networks.*.ipam.config[].ip_range", v.TEXT, "a part of the subnet, as the engine checks"),
    Setting("networks.*.ipam.config[].gateway", v.TEXT, "an address of the subnet, as the engine checks"),
    Setting("networks.*.ipam.config[].aux_addresses", v.ANY, "addresses the engine leaves out"),
    Setting("volumes", v.INNER, ""),
    Setting("volumes.*", v.INNER, ""),
    Setting("volumes.*.name", v.NAME, "part of a command line", "`avs-<id>_<volume>`"),
    Setting("volumes.*.driver", v.elsewhere("`local` (PKG-019)"), "others are plugins of the engine"),
    Setting("volumes.*.driver_opts", verdict.VOLUME_OPTIONS, "anything else mounts the host, a device or a file server behind a volume's name"),
    Setting("volumes.*.external", v.elsewhere("false (PKG-019)"), "a volume of somebody else holds somebody else's data"),
    Setting("volumes.*.labels", verdict.LABELS, _OTHERS),
    Setting("configs", v.INNER, ""),
    Setting("configs.*", v.INNER, ""),
    Setting("configs.*.name", v.NAME, "of a swarm; does nothing here"),
    Setting("configs.*.content", v.ANY, "the container's own; not for a service that is `read_only`, nor with `uid` beside a `user:group` (PKG-020)"),
    Setting("configs.*.file", v.elsewhere("a file of the package (PKG-019)"), _FILE, "the installed file"),
    Setting("configs.*.environment", v.elsewhere("none (PKG-019)"), _FILE),
    Setting("configs.*.external", v.never("is a config of somebody else", "false"), _SWARM),
    Setting("configs.*.labels", verdict.LABELS, _OTHERS),
    Setting("configs.*.template_driver", v.never("asks for a plugin of the engine"), _SWARM),
    Setting("secrets", v.INNER, ""),
    Setting("secrets.*", v.INNER, ""),
    Setting("secrets.*.name", v.NAME, "of a swarm; does nothing here"),
    Setting("secrets.*.file", v.elsewhere("a file of the package, or a key (PKG-019)"), _FILE, "the installed file; keys as a mount of the key folder"),
    Setting("secrets.*.environment", v.elsewhere("none (PKG-019)"), _FILE),
    Setting("secrets.*.external", v.never("is a secret of somebody else", "false"), _SWARM),
    Setting("secrets.*.labels", verdict.LABELS, _OTHERS),
    Setting("secrets.*.driver", v.never("asks for a plugin of the engine"), _SWARM),
    Setting("secrets.*.driver_opts", v.never("asks for a plugin of the engine"), _SWARM),
    Setting("secrets.*.template_driver", v.never("asks for a plugin of the engine"), _SWARM),
)  # fmt: skip
