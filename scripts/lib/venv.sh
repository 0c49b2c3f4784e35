# Sourced by the commands in scripts/: finds Python and keeps the checkout's virtual environment in step with a lock.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
venv=${DROPMESH_VENV:-$root/.venv}
case $venv in /*) ;; *) venv=$PWD/$venv ;; esac

# Prints the first Python that is new enough (PYTHON names another), or says plainly that there is none.
find_python() {
    local candidate
    for candidate in ${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11}; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$candidate"
            return
        fi
    done
    echo "Dropmesh needs Python 3.11 or newer; found: $("${PYTHON:-python3}" --version 2>&1 || true)." >&2
    echo "Install one, or name it: PYTHON=/path/to/python3 ${0##*/}" >&2
    return 1
}

# ensure_venv runtime|dev: installs what requirements/NAME.txt locks. Costs nothing when that was done before.
ensure_venv() {
    local lock=$root/requirements/$1.txt pages=$root/requirements/pages.txt stamp=$venv/.dropmesh-$1 python rest wanted paths
    python=$(find_python) || return
    rest="$(cksum <"$pages") $(cat "$root/scripts/lib/trim.sh" "$root/scripts/lib/symbols.py" | cksum) $root client"
    wanted="$(cksum <"$lock") $rest"
    if [ -x "$venv/bin/python" ] && [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ]; then
        return
    fi
    # Without pip it is one whose making was interrupted.
    if ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
        echo "Making a virtual environment in $venv ($("$python" --version))…"
        if ! "$python" -m venv "$venv"; then
            echo "$python cannot make one. On Debian and Ubuntu: apt-get install python3-venv" >&2
            return 1
        fi
    fi
    echo "Installing requirements/$1.txt ($(grep -c '^[a-z]' "$lock") packages, once)…"
    # Bytecode is made when a module is first used: most of what is installed never is.
    "$venv/bin/python" -m pip install --no-compile --disable-pip-version-check --no-input --only-binary :all: --require-hashes -r "$lock" |
        sed -u -n -e 's/^Collecting \([^ ]*\).*/  \1/p' -e 's/^Installing collected.*/  unpacking…/p' || return
    "$venv/bin/python" -m pip install --quiet --no-compile --disable-pip-version-check --no-input --only-binary :all: \
        --no-deps --require-hashes -r "$pages" || return
    paths=$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
    PYTHON=$venv/bin/python "$root/scripts/lib/trim.sh" "$paths" || return
    printf '%s\n' "$root" "$root/proto/python" "$root/client" >"$paths/dropmesh.pth"
    echo "$wanted" >"$stamp"
    if [ "$1" = dev ]; then
        echo "$(cksum <"$root/requirements/runtime.txt") $rest" >"$venv/.dropmesh-runtime" # dev holds it too
    fi
}

# run MODULE…: runs a module of the checkout in the folder where the command was typed, so that paths count from there.
# Nothing else is imported from that folder.
run() {
    PYTHONSAFEPATH=1 exec "$venv/bin/python" -m "$@"
}

# run_named COMMAND PACKAGE [NAME …]: runs the module of a package that the word after the command names.
run_named() {
    local command=$1 folder=$root/${2//.//} name=${3:-} names
    if grep -qs "prog=\"$command" "$folder/${name//-/_}.py"; then
        run "$2.${name//-/_}" "${@:4}"
    fi
    names=$(cd "$folder" && grep -l "prog=\"$command" -- *.py | sed 's/\.py$//; s/_/-/g' | xargs)
    set -- "usage: $command NAME [options], NAME one of: $names; $command NAME --help lists its options"
    case $name in
    -h | --help) echo "$1" ;;
    *) echo "$1" >&2 && exit 2 ;;
    esac
}
