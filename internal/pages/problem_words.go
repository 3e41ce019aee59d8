package pages

// problemWords is what a kind says: a status, its name, what happened, why as
// far as it may be said, and what to do now.
type problemWords struct {
	status int
	name   string // beside the number: a code is never shown without words
	title  string
	why    string
	next   string
	action Action
}

// The steps that many kinds share. An empty address reloads the page.
var (
	again   = Action{Label: words["error.again"]}
	home    = Action{Label: words["error.home"], URL: "/"}
	session = Action{Label: words["error.session"], URL: "/.pomerium/"}
	// requested is a page of the sign-in host.
	requested = Action{Label: words["requests.title"], URL: "/.pomerium/requests"}
)

var problems = map[Kind]problemWords{
	Internal: {500, "Internal error", "Something went wrong on our side",
		"Your request was stopped by a fault of ours, not by anything you did.",
		"Try again. If it happens once more, tell whoever runs this service and give them the request ID below.", again},

	other: {500, "Not passed on", "Your request could not be passed on",
		"It was stopped before it reached an application.",
		"Try again. If it happens once more, tell whoever runs this service and give them the request ID below.", again},

	BadRequest: {400, "Bad request", "This request cannot be read",
		"Part of the address or of what your browser sent along is malformed, so it was not passed on.",
		"Go to the start page and try from there. If it happens again, clear the cookies of this site.", home},
	RedirectRefused: {400, "Bad request", "We do not follow this link",
		"It asks us to send you to an address that does not belong to this service.",
		"Open the application you want directly, by its own address.", home},
	LinkInvalid: {400, "Bad request", "This link is not complete",
		"A sign-in link is only good exactly as it was made, and this one was changed on the way.",
		"Open the application you want directly; you will be asked to sign in again if need be.", home},
	LinkExpired: {400, "Bad request", "This sign-in took too long",
		"A sign-in has to be finished within a few minutes, and this one was not.",
		"Start again. If it happens at once, check the date, time and time zone of this computer.", home},
	LinkUsed: {400, "Bad request", "This link was already used",
		"A sign-in link works once. Going back or reloading brings up the used one.",
		"Open the application directly. If you are signed in, it opens without asking.", home},
	EnrollmentInvalid: {400, "Bad request", "This enrollment link is not valid",
		"It is not as an administrator made it, or it was taken back.",
		"Copy the whole link once more. If that does not help, ask the administrator for a new one.", session},
	EnrollmentExpired: {400, "Bad request", "This enrollment link has expired",
		"An enrollment link holds until a certain time, and that time has passed.",
		"Ask the administrator for a new one.", session},
	EnrollmentUsed: {400, "Bad request", "This enrollment link was already used",
		"One device can be enrolled with a link, and that has been done.",
		"If it was not you, tell the administrator at once. For a further device, ask for a new link.", session},
	ClockSkew: {400, "Bad request", "The clocks do not agree",
		"The sign-in bears a time that is too far from ours, so we cannot tell whether it is fresh.",
		"Check the date, time and time zone of this computer. If they are right, tell whoever runs this service that its clock or the identity provider's is off.", home},

	SignInNeeded: {401, "Sign-in needed", "Sign in to continue",
		"We need to know who you are before you can open this, and there is no valid sign-in with your request.",
		"Sign in, then come back to this page.", session},
	SignInRefused: {401, "Not signed in", "You were not signed in",
		"Your identity provider says that the sign-in was refused or cancelled.",
		"Try again, perhaps with another account. If you should have access, ask an administrator of your identity provider.", home},
	SignInFailed: {400, "Sign-in failed", "We could not complete your sign-in",
		"Your identity provider's answer was not one we can accept, so you were not signed in.",
		"Try again. If it happens once more, give the request ID below to whoever runs this service.", home},
	TokenRefused: {401, "Not signed in", "This token is not valid",
		"The token that came with the request is unknown, has ended, or was made for another address.",
		"Sign in again to get a new one.", session},

	DeviceNeeded: {401, "Device needed", "Show a device to continue",
		"You are known to us, but this opens only with a device that is registered to you and has shown itself a short while ago.",
		"Open this address in a browser, touch your device or register one, then try again.", session},
	Denied: {403, "Access denied", "You do not have access here",
		"The rules of this application do not let you in.",
		"If you should have access, ask the people who look after this application, and give them the request ID below.", session},
	AccountDisabled: {403, "Access denied", "Your account is switched off",
		"Your identity was confirmed, but the account may not be used here at present.",
		"Ask an administrator to switch it on again.", home},
	EmailUnverified: {403, "Access denied", "Your e-mail address is not confirmed",
		"Your identity provider has not confirmed that this address is yours, so we cannot rely on it.",
		"Confirm the address with your identity provider, then sign in again.", home},
	TooManyAsked: {429, "Not now", "You have asked for a lot already",
		"Ten of your requests wait for a decision, and more than that nobody reads.",
		"Wait until some are decided, or withdraw what you no longer need.", requested},
	OtherPerson: {403, "Access denied", "This link was made for somebody else",
		"You are signed in with another account than the one this link is for.",
		"Sign in with the account that got the link and open it again, or ask for a link of your own.", session},
	CrossSite: {403, "Access denied", "This did not come from our page",
		"A change like this one is only accepted from our own page, and your browser says that another site asked for it.",
		"If you meant to do it, go to your session and do it there.", session},

	NotFound: {404, "Not found", "There is nothing at this address",
		"No application and no page is published here.",
		"Check the address for a typing mistake.", home},
	MethodNotAllowed: {405, "Not allowed", "This page does not work that way",
		"The address exists, but it does not accept this kind of request.",
		"Open it from the page that links to it.", home},
	RequestTimeout: {408, "Timed out", "Your request took too long to arrive",
		"The connection was open, but not all of the request came in time.",
		"Check your network, then try again.", again},
	TooLarge: {413, "Too large", "What you sent is too large",
		"The request is larger than this service accepts, so it was not passed on.",
		"Send something smaller, or in several parts.", again},
	AddressTooLong: {414, "Address too long", "This address is too long",
		"It is longer than this service accepts.",
		"Go to the start page and try from there.", home},
	Misdirected: {421, "Misdirected", "This address and this connection do not belong together",
		"Your browser reused a connection that was opened for another address.",
		"Try again. If that does not help, close all windows of this browser and open the address anew.", again},
	TooManyRequests: {429, "Too many requests", "Too many attempts in a short time",
		"To keep accounts safe, we take only so many.",
		"Wait a moment, then try again.", again},
	HeadersTooLarge: {431, "Headers too large", "Your browser sent too much along",
		"The cookies and headers of this request are larger than this service accepts.",
		"Clear the cookies of this site, then try again.", again},
	DeviceNotAllowed: {450, "Device not allowed", "This device is not allowed here yet",
		"You are known to us, but this application opens only on devices that were approved.",
		"Register this device on the page of your session, or ask an administrator to approve it.", session},
	CertificateNeeded: {495, "Certificate needed", "This application needs a client certificate",
		"Your browser offered none, or one that is not valid here.",
		"Install the certificate your organisation gave you, restart the browser, and choose it when you are asked.", again},

	NotSupported: {501, "Not supported", "This is not supported",
		"The service understood the request but cannot do this.",
		"Go to the start page and try from there.", home},
	BadGateway: {502, "Bad gateway", "The application gave no proper answer",
		"You may open it, but it ended the connection or answered with something that cannot be passed on.",
		"Wait a moment and try again. If it lasts, tell the people who look after the application.", again},
	Unavailable: {503, "Unavailable", "The application cannot be reached right now",
		"It may be restarting, or too busy to answer.",
		"Wait a moment and try again. If it lasts, tell the people who look after the application.", again},
	CannotDecide: {503, "Unavailable", "We cannot check your access right now",
		"Something we need for the decision does not answer, and without a decision nobody gets in.",
		"Wait a moment and try again. You do not have to sign in anew.", again},
	ProviderDown: {503, "Sign-in unavailable", "Sign-in is not available right now",
		"The identity provider that knows you does not answer.",
		"Wait a moment and try again. Those who are signed in already can go on.", again},
	GatewayTimeout: {504, "Timed out", "The application took too long to answer",
		"It was reached, but no answer came in time.",
		"Try again. If it lasts, tell the people who look after the application.", again},
}
