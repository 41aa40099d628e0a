# Shared by the scripts of this folder: where things are kept, and apt beside the system's own.
# Sourced, never run. Nothing here changes the system.
# shellcheck shell=bash disable=SC2034 # what is set here is used by those who source it

cache=${XDG_CACHE_HOME:-$HOME/.cache}/redis-rebalance
codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-unknown}")

say() { printf '%s\n' "$*" >&2; }
die() { say "$1"; exit "${2:-1}"; }

# The mirror that apt itself is set up with, so that a proxy or a private mirror is honoured here too.
debian_mirror() {
  # shellcheck disable=SC2016 # apt fills these in
  apt-get indextargets --format '$(CODENAME) $(REPO_URI)' 'Created-By: Packages' |
    awk -v want="$codename" '$1 == want { print $2; found = 1; exit } NF { last = $NF }
                             END { if (!found && last) print last }'
}

# apt_private FOLDER SUITE...: a whole apt set-up in FOLDER that knows the given suites and no installed package.
apt_private() {
  local folder=$1 mirror key=/usr/share/keyrings/debian-archive-keyring.gpg suite
  shift
  mirror=$(debian_mirror)
  [ -n "$mirror" ] || { say "apt names no mirror: is anything set up under /etc/apt?"; return 1; }
  mkdir -p "$folder"/{lists,cache/archives}/partial "$folder/parts"
  : > "$folder/status"
  : > "$folder/sources.list"
  for suite; do
    printf '%s [signed-by=%s] %s %s main\n' deb "$key" "$mirror" "$suite" deb-src "$key" "$mirror" "$suite"
  done > "$folder/sources.list"
  # Suites on mirrors are at times past their valid-until date; the signature is still checked.
  cat > "$folder/apt.conf" <<CONF
Dir::Etc::SourceList "$folder/sources.list";
Dir::Etc::SourceParts "$folder/parts";
Dir::Etc::Preferences "/dev/null";
Dir::Etc::PreferencesParts "$folder/parts";
Dir::State::Lists "$folder/lists";
Dir::State::status "$folder/status";
Dir::Cache "$folder/cache";
APT::Sandbox::User "root";
APT::Install-Recommends "0";
APT::Update::Post-Invoke-Success "";
Acquire::Check-Valid-Until "false";
Acquire::Languages "none";
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear DPkg::Post-Invoke;
CONF
}

# unpack_debs WORK "SUITE..." PACKAGE...: the packages and all that they depend on, into WORK/tree. Of several suites
# the first is preferred.
unpack_debs() {
  local work=$1 suites target=() deb
  read -ra suites <<< "$2"
  shift 2
  [ ${#suites[@]} = 1 ] || target=(-t "${suites[0]}")
  apt_private "$work/apt" "${suites[@]}" || return
  sed -i '/^deb-src/d' "$work/apt/sources.list"
  export APT_CONFIG=$work/apt/apt.conf
  apt-get -qq update || return
  apt-get -qq "${target[@]}" install -y --download-only "$@" || return
  mkdir -p "$work/tree"
  for deb in "$work"/apt/cache/archives/*.deb; do dpkg-deb -x "$deb" "$work/tree" || return; done
}

# keep_program TREE PATH OUT NAME: of such a tree one program with its libraries and its loader, as OUT/bin/NAME and
# OUT/lib. Run it through launch_with_own_libraries.
keep_program() {
  local tree=$1 program=$2 out=$3 name=$4 loader path
  mkdir -p "$out/bin" "$out/lib"
  loader=$(find "$tree" -name 'ld-linux*.so.*' | head -n 1)
  [ -n "$loader" ] || { say "no loader among the packages"; return 1; }
  path=$(find "$tree" -name 'lib*.so*' -printf '%h\n' | sort -u | paste -sd:)
  cp -L "$loader" "$out/lib/ld.so" || return
  cp -L "$tree/$program" "$out/bin/$name" || return
  "$loader" --library-path "$path" --list "$out/bin/$name" |
    awk '$2 == "=>" { print $3 }' | xargs -r cp -Lt "$out/lib" || return
}

# launch_with_own_libraries LAUNCHER [FOLDER]: writes a program that runs FOLDER/bin/<its own name> (FOLDER: relative to
# the launcher; default: where it stands) with the libraries beside it, or as it is where there are none.
launch_with_own_libraries() {
  cat > "$1" <<SH
#!/bin/sh
d=\$(dirname "\$(readlink -f "\$0")")/${2:-.}
p=\$d/bin/\${0##*/}
[ -e "\$d/lib/ld.so" ] || exec "\$p" "\$@"
exec "\$d/lib/ld.so" --library-path "\$d/lib" "\$p" "\$@"
SH
  chmod +x "$1"
}

# go_command WORK: the go command, Debian 13's when the system's is missing or cannot fetch a toolchain by itself.
go_command() {
  local work=$1 own=$cache/kube-go/usr/lib/go-1.24/bin/go
  if command -v go > /dev/null && go version | awk '{ sub("go", "", $3); split($3, v, "."); exit !(v[1] > 1 || v[2] >= 21) }'; then
    echo go
    return
  fi
  if [ ! -x "$own" ]; then
    unpack_debs "$work" trixie golang-1.24-go >&2 || return
    rm -rf "$cache/kube-go" && mv "$work/tree" "$cache/kube-go" || return
  fi
  echo "$own"
}

# had NAME DOING: NAME is in the caller's folder $home, or could be got now by its `fetch NAME WORK-FOLDER`. `is_there NAME`
# tells; `reason_in LOG` picks what NAME.failed shall say. What could not be had is tried again a day later, with $retry
# at once.
# shellcheck disable=SC2154 # home and retry are the caller's
had() {
  if ! is_there "$1" && { [ -n "$retry" ] || [ -z "$(find "$home/$1.failed" -mtime -1 2> /dev/null)" ]; }; then
    get "$@" || return
  fi
  is_there "$1"
}

get() {
  local name=$1 work
  say "${0##*/}: $2 $name"
  work=$(mktemp -d "$home/.work.XXXXXX") || return
  if (fetch "$name" "$work") > "$home/$name.log" 2>&1; then
    rm -f "$home/$name.failed" "$home/$name.log"
  else
    rm -rf "${home:?}/$name"
    reason_in "$home/$name.log" > "$home/$name.failed"
  fi
  rm -rf "$work"
}
