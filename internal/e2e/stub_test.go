package e2e

const routesForDifferences = ""
