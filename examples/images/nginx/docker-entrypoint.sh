#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Fills /etc/nginx/templates/*.template from the environment into /etc/nginx/conf.d, then runs the command.
# Only variables that are set are filled in: nginx has its own ($remote_addr), which must stay.
set -eu

templates=${NGINX_ENVSUBST_TEMPLATE_DIR:-/etc/nginx/templates}
output=${NGINX_ENVSUBST_OUTPUT_DIR:-/etc/nginx/conf.d}

if [ -d "$templates" ]; then
    names=$(awk 'BEGIN { for (name in ENVIRON) if (name ~ /^[A-Za-z_][A-Za-z0-9_]*$/) printf "${%s} ", name }')
    for template in "$templates"/*.template; do
        [ -e "$template" ] || continue
        if [ ! -f "$template" ]; then
            echo "docker-entrypoint: $template is not a file" >&2
            exit 1
        fi
        target=$output/$(basename "$template" .template)
        envsubst "$names" <"$template" >"$target"
        echo "docker-entrypoint: wrote $target"
    done
fi

exec "$@"
