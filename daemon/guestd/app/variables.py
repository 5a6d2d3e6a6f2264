"""Names of variables of the environment that are no settings."""

#: The file's path, where no -c is given.
CONFIG_VARIABLE = "GUESTD_CONFIG"
CONFIG_HELP = "The configuration file (TOML); else GUESTD_CONFIG, else ./guestd.toml."

#: Of the commands that talk to a daemon.
CLIENT_URL, CLIENT_SOCKET, CLIENT_TOKEN = "GUESTDCTL_URL", "GUESTDCTL_SOCKET", "GUESTDCTL_TOKEN"

#: Until version 0.1 the commands' own were these; what each is now.
RENAMED = {
    "GUESTD_URL": CLIENT_URL,
    "GUESTD_SOCKET": CLIENT_SOCKET,
    "GUESTD_API_TOKEN": CLIENT_TOKEN,
}
