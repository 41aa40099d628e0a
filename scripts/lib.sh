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
