package databroker

import "time"

// TypeSignInAfter is the record type of SignInAfter. Its id is the key of a
// User, or Everybody.
const TypeSignInAfter = "sign_in_after"

// Everybody is the id of the SignInAfter of all people. It is no User's key.
const Everybody = "*"

// SignInAfter is the moment from which on a person has to have proved who they
// are: what the provider remembers from before makes no session. An
// administrator who ends sessions sets it.
type SignInAfter struct {
	At time.Time `json:"at"` // in whole seconds, as providers tell it
}

// SignInAfterLasts is for how long such a record is kept: longer than anything
// lasts that remembers a sign-in.
const SignInAfterLasts = 90 * 24 * time.Hour
