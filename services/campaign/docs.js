"use strict";
// Of /docs, beside it because the page's policy lets no script stand in the page itself.
SwaggerUIBundle({ url: "openapi.json", dom_id: "#api", deepLinking: true, defaultModelsExpandDepth: 0, validatorUrl: null });
