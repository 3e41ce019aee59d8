package device

import (
	"strings"

	"github.com/cardea-proxy/cardea/authenticate/device/ceremony"
)

// systems are the operating systems by a word of the user agent, in the order in
// which they are looked for: a phone's also names what it descends from.
var systems = [][2]string{
	{"Android", "Android"}, {"iPhone", "iPhone"}, {"iPad", "iPad"}, {"CrOS", "ChromeOS"},
	{"Windows", "Windows"}, {"Macintosh", "Mac"}, {"Linux", "Linux"},
}

// nameFor is what a device is called until its owner says otherwise: the model
// where it is known, else what the browser tells of the machine it is at.
func nameFor(found *ceremony.Registered, userAgent string) string {
	if found.Model != "" {
		return found.Model
	}
	kind := "Security key"
	if found.Attachment == "platform" {
		kind = "Built-in authenticator"
	}
	for _, s := range systems {
		if strings.Contains(userAgent, s[0]) {
			if found.Attachment == "platform" {
				return kind + " of " + s[1]
			}
			break
		}
	}
	return kind
}
