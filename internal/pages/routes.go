package pages

import (
	"html/template"
	"net/http"
	"strings"
)

// Routes is the portal: what a person may open.
type Routes struct {
	Frame
	Query  string // filters the list; "" shows all
	Routes []Route
}

// A Route is one application of the portal.
type Route struct {
	Name        string // "" is the address
	Description string
	URL         string // https address, or tcp+https for a tunnel
	LogoURL     string // shown when it is a data: image or a path of this host
	// ConnectCommand opens a tunnel; "" for what opens in a browser.
	ConnectCommand string
}

// Bounds of the portal: entries of one page, and bytes of all their pictures.
const (
	maxRoutes   = 200
	filterFrom  = 9 // entries from which a search is worth its place
	maxPictures = 256 << 10
)

// routeView is a Route as the page shows it.
type routeView struct {
	Name, Description string
	Address           string // without https://
	URL               string // "" is not a link
	Logo              template.URL
	Monogram          string
	Command           string
}

type routesView struct {
	Routes
	Web, Tunnels []routeView
	Filter       bool
	Empty        bool // nothing may be opened, whatever the search
	Match        bool // the search found something
	More         int
}

// Routes renders the portal.
func (p *Pages) Routes(v Routes) Answer {
	view := routesView{Routes: v, Filter: len(v.Routes) >= filterFrom || v.Query != "", Empty: len(v.Routes) == 0}
	pictures, shown := maxPictures, 0
	for _, r := range v.Routes {
		if !r.matches(v.Query) {
			continue
		}
		if shown++; shown > maxRoutes {
			view.More++
			continue
		}
		rv := newRouteView(r)
		if pictures -= len(rv.Logo); pictures < 0 {
			rv.Logo = ""
		}
		if rv.Command != "" {
			view.Tunnels = append(view.Tunnels, rv)
		} else {
			view.Web = append(view.Web, rv)
		}
	}
	view.Match = shown > 0
	title := say("routes.title")
	if view.Empty {
		title = say("routes.none")
	}
	return p.render(page{
		name: "routes", status: http.StatusOK, title: title, view: view, frame: v.Frame, app: true, script: true,
		policy: policy{sameImages: true, forms: view.Filter},
	})
}

func newRouteView(r Route) routeView {
	v := routeView{
		Name: line(r.Name), Description: clean(r.Description, maxValue), URL: href(r.URL),
		Address: line(strings.TrimSuffix(strings.TrimPrefix(r.URL, "https://"), "/")),
		Logo:    image(r.LogoURL), Command: clean(r.ConnectCommand, maxValue),
	}
	if v.Name == "" {
		v.Name = v.Address
	}
	v.Monogram = monogram(v.Name)
	return v
}

// matches reports whether every word of query stands somewhere in r.
func (r Route) matches(query string) bool {
	text := strings.ToLower(r.Name + " " + r.Description + " " + r.URL)
	for word := range strings.FieldsSeq(strings.ToLower(query)) {
		if !strings.Contains(text, word) {
			return false
		}
	}
	return true
}
