package pages

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func sampleConsole() Console {
	return Console{
		Frame: sampleFrame(), Role: "admin", Token: strings.Repeat("0f", 32), Notice: Notice{Text: "The session has been ended.", Tone: ToneAllow},
		Acting:   Acting{Text: "In applications you act as Bob. This ends", Until: sampleNow, Stop: Action{"Stop", "/impersonation/stop"}},
		Sections: []Section{{"Sessions", "/sessions", true}, {"People", "/users", false}, {"Groups", "/groups", false}},
	}
}

// sampleConsoleList is a full page of the largest table.
func sampleConsoleList() ConsoleList {
	v := ConsoleList{
		Console: sampleConsole(), Title: "Sessions", Lead: "Who is signed in.", Count: "1,204 sessions",
		Search: Search{Label: "Find a person or a session", Value: "a", Clear: "/sessions", Hidden: []Field{{"order", "person"}},
			Filters: []Filter{{Name: "state", Label: "State", Options: []Option{{"", "Any", true}, {"active", "Active", false}}}}},
		Table: Table{Caption: "Sessions with person, state and times", Columns: []Column{
			{Label: "Person", SortURL: "/sessions?order=person", Sorted: "ascending"}, {Label: "State"}, {Label: "Signed in", SortURL: "/sessions"},
		}},
		First: "/sessions", Next: "/sessions?cursor=abc", Actions: []Action{{"End all sessions", "/sessions/revoke-all"}},
	}
	for i := range 50 {
		v.Table.Rows = append(v.Table.Rows, Row{Cells: []Cell{
			{Text: fmt.Sprintf("Ada Lovelace %d", i), Sub: ada.Email, Link: fmt.Sprintf("/users/show?key=idp%%2F%d", i)},
			{Text: "Active", Tone: ToneAllow}, {Time: sampleNow.Add(-time.Duration(i) * time.Minute)},
		}, Actions: []Action{{"End", fmt.Sprintf("/sessions/revoke?id=%d", i)}}})
	}
	return v
}

func sampleConsoleDetail() ConsoleDetail {
	table := sampleConsoleList().Table
	table.Rows = table.Rows[:3]
	return ConsoleDetail{
		Console: sampleConsole(), State: Notice{Text: "May come in", Tone: ToneAllow}, Title: "Ada Lovelace", Sub: ada.Email,
		Back: Action{"All people", "/users"}, Actions: []Action{{"Shut out", "/users/disable?key=a"}},
		Pairs: []Pair{{"Id", Cell{Text: ada.ID, Code: true, Copy: "user-id"}}, {"Since", Cell{Time: sampleNow, Exact: true}}},
		Parts: []Part{
			{ID: "groups", Title: "Groups", Tags: []Action{{"engineering", "/users?group=engineering"}, {Label: "elsewhere"}}, More: "And 3 more."},
			{ID: "none", Title: "Nothing", Empty: "There is nothing."},
			{ID: "sessions", Title: "Sessions", Table: &table, Actions: []Action{{"End all", "/sessions/revoke-person?key=a"}}},
		},
	}
}

func sampleConsoleForm() ConsoleForm {
	return ConsoleForm{
		Console: sampleConsole(), Title: "New enrollment", Lead: "A link for one person.", Action: "/devices/enroll", Hidden: []Field{{"key", "a"}},
		Pairs: []Pair{{"Person", Cell{Text: "Ada Lovelace", Sub: ada.Email}}},
		Rows: []FormRow{
			{Name: "person", Label: "Person", Required: true, Hint: "Whose device it is."},
			{Name: "url", Label: "Address afterwards", Kind: "url", Value: "nowhere", Error: "Want an address of a route."},
			{Name: "type", Label: "Type", Kind: "select", Options: []Option{{"any", "Any", true}, {"enclave_only", "Secure enclave only", false}}},
			{Name: "reason", Label: "Reason", Kind: "textarea", Value: "<b>"}, {Name: "now", Label: "At once", Kind: "checkbox", Value: "yes"},
		},
		Button: "Make the link", Danger: true, Sure: "I mean it", Back: Action{"Cancel", "/devices"},
	}
}

func TestFormsOfTheConsoleBearTheToken(t *testing.T) {
	t.Parallel()
	body := string(newPages().ConsoleForm(sampleConsoleForm()).Body)
	for _, want := range []string{
		`<form method="post" action="/devices/enroll"`, `<input type="hidden" name="token" value="` + strings.Repeat("0f", 32) + `">`,
		`<input type="hidden" name="key" value="a">`, `aria-invalid="true" aria-describedby="e-url"`, `&lt;b&gt;</textarea>`,
	} {
		if !strings.Contains(body, want) {
			t.Errorf("no %s in:\n%s", want, body)
		}
	}
}

func TestEveryPageSaysWhomOneActsAs(t *testing.T) {
	t.Parallel()
	p := newPages()
	for name, a := range map[string]Answer{
		"list": p.ConsoleList(sampleConsoleList()), "detail": p.ConsoleDetail(sampleConsoleDetail()), "form": p.ConsoleForm(sampleConsoleForm()),
		"note": p.ConsoleNote(ConsoleNote{Console: sampleConsole(), Title: "x"}),
	} {
		if !strings.Contains(string(a.Body), "you act as Bob. This ends") || !strings.Contains(string(a.Body), `href="/impersonation/stop"`) {
			t.Errorf("%s does not", name)
		}
	}
	list := sampleConsoleList()
	list.Acting = Acting{}
	if strings.Contains(string(p.ConsoleList(list).Body), "/impersonation/stop") {
		t.Error("a page says so of who acts as nobody")
	}
}

// TestConsoleLinksStayHere: a form or link that leads away is left out.
func TestConsoleLinksStayHere(t *testing.T) {
	t.Parallel()
	v := sampleConsoleDetail()
	v.Pairs = []Pair{{"Bad", Cell{Text: "x", Link: "javascript:alert(1)"}}}
	v.Actions = []Action{{"Bad", "//evil.example"}}
	body := string(newPages().ConsoleDetail(v).Body)
	if strings.Contains(body, "javascript:") || strings.Contains(body, "//evil.example") {
		t.Errorf("a link leads away:\n%s", body)
	}
}

func TestLineIsolates(t *testing.T) {
	t.Parallel()
	if got := Line("a\u202eb"); got != "\u2068a[U+202E]b\u2069" {
		t.Errorf("%q", got)
	}
}
