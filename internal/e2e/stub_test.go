package e2e

const routesForAttacks = "  - {from: 'https://any.localhost', to: 'http://$PLAIN', allow_any_authenticated_user: true}\n"
const routesForDifferences = ""
