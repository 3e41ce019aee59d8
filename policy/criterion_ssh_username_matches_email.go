package policy

// criterionSSHUsernameMatchesEmail is about whether the name that an SSH client
// logs in with is the local part of the person's e-mail address. No route
// speaks SSH yet.
var criterionSSHUsernameMatchesEmail = &kind{
	name:    "ssh_username_matches_email",
	notYet:  true,
	session: true,
	reads:   Reads{Session: true},
	parse:   parseAnything,
}
