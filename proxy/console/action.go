package console

// An Action is one thing that can be done through the console, by the name of
// its method of Service, which is that of its gRPC method too.
type Action string

// roles says how far one has to reach for each action. What is not in it is
// nobody's; a test holds it against the methods of Service and against gRPC.
var roles = map[Action]Role{
	"ListSessions":       RoleViewer,
	"RevokeSession":      RoleManager,
	"RevokeUserSessions": RoleManager,
	"RevokeAllSessions":  RoleAdmin,

	"StartImpersonation": RoleAdmin,
	"StopImpersonation":  RoleAdmin,

	"ListUsers":   RoleViewer,
	"GetUser":     RoleViewer,
	"ListGroups":  RoleViewer,
	"DisableUser": RoleAdmin,
	"EnableUser":  RoleAdmin,

	"ListAudit":   RoleViewer,
	"VerifyAudit": RoleManager,

	"ListDevices":          RoleViewer,
	"GetDevice":            RoleViewer,
	"ApproveDevice":        RoleManager,
	"DisapproveDevice":     RoleManager,
	"DeleteDevice":         RoleManager,
	"ListEnrollmentLinks":  RoleViewer,
	"CreateEnrollmentLink": RoleManager,
	"RevokeEnrollmentLink": RoleManager,

	"ListAccessRequests":   RoleViewer,
	"GetAccessRequest":     RoleViewer,
	"ApproveAccessRequest": RoleManager,
	"RefuseAccessRequest":  RoleManager,
	"ListGrants":           RoleViewer,
	"CreateGrant":          RoleManager,
	"EndGrant":             RoleManager,

	"ListServiceAccounts":  RoleViewer,
	"GetServiceAccount":    RoleViewer,
	"CreateServiceAccount": RoleAdmin,
	"DeleteServiceAccount": RoleManager,

	"ListDecisions":   RoleViewer,
	"FollowDecisions": RoleViewer,
	"ExplainDecision": RoleManager,
	"ExplainRequest":  RoleManager,

	"ListRoutes":      RoleViewer,
	"GetRoute":        RoleViewer,
	"ListPolicyTests": RoleViewer,
	"ReplayConfig":    RoleManager,
	"GetStatus":       RoleViewer,
	"GetActivity":     RoleViewer,
}

// May reports whether a reaches far enough for the action.
func (a Actor) May(action Action) bool {
	need, known := roles[action]
	return known && need > RoleNone && a.Role >= need
}
