package pages

// A Person is somebody as a page names them.
type Person struct {
	Name  string
	Email string
	ID    string // the identity provider's
}

// Label is what the person is called: the name, else the e-mail, else the id.
func (p Person) Label() string {
	switch {
	case p.Name != "":
		return line(p.Name)
	case p.Email != "":
		return line(p.Email)
	}
	return line(p.ID)
}

// A Field is a hidden field of a form.
type Field struct{ Name, Value string }
