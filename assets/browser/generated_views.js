// Which view of the Generate page stands in which place. Stands behind all of them.
const VIEWS = { next: NextToken, tree: Branches, beams: Beams, pair: TwoTexts, samples: ManySamples };

export default (component) => mounted(component, (host) => new VIEWS[component.data.view](host));
