package pages

// The steps that many reasons share.
const (
	stepSwitch      = "If you have another account, use that one."
	stepCertificate = "If you have another certificate, restart the browser and choose that one when you are asked."
)

// reasonKinds are what policies can say against a request, in the order to tell:
// first what a person can mend at once, last what only others can. No sentence
// holds a value of a rule.
var reasonKinds = []reasonKind{
	{[]string{"signed-in-within-unauthorized"},
		"You signed in too long ago for this.",
		"Sign in again, then open this page once more.", false},

	{[]string{"client-certificate-required"},
		"This needs a client certificate, and your browser offered none.", "", true},
	{[]string{"invalid-client-certificate"},
		"The certificate that your browser offered is not valid here.", stepCertificate, true},
	{[]string{"client-certificate-unauthorized"},
		"The certificate that your browser offered is not one that may open this.", stepCertificate, true},

	{[]string{"device-unauthorized", "device-unauthenticated"},
		"The device you are on is not one that may open this.", "", true},

	{[]string{"grant-unauthorized"},
		"You have no current permission for this; ask for one.", "", true},

	{[]string{"groups-unauthorized"},
		"You are not in a group that may open this.", stepSwitch, true},

	{[]string{"user-unauthorized", "email-unauthorized", "domain-unauthorized", "claim-unauthorized"},
		"Your account is not on the list of those who may open this.", stepSwitch, true},

	{[]string{"source-ip-unauthorized"},
		"This is not open from the network you are on.",
		"Come back from another network, such as your organisation's.", false},

	{[]string{"time-of-day-unauthorized", "day-of-week-unauthorized", "date-unauthorized"},
		"This is not open at this time.",
		"Come back at another time.", false},

	{[]string{"http-path-unauthorized", "http-method-unauthorized", "http-header-unauthorized", "http-query-unauthorized"},
		"This part of the application, or what you tried to do there, is not open to you.", "", true},

	{[]string{"mcp-tool-no-match", "mcp-not-a-tool-call"},
		"The tool you called, or what you asked of it, is not open to you.", "", true},

	{[]string{"ssh-publickey-unauthorized", "ssh-username-unauthorized"},
		"The key or the user name you gave is not one that may be used here.", "", true},

	{[]string{"record-unauthorized"},
		"What is on record about you, or about where you are, does not allow this.", "", true},
}
