"""Swagger UI 5.35.0: files of the npm package `swagger-ui-dist` of that version, unchanged (Apache-2.0, SmartBear).

No Python package of a kept-up version comes without a web framework of its own. `files.sha256` holds them, and a test
holds the files to it. A new version: `npm pack swagger-ui-dist`, compare its `dist.integrity` (sha512 of the archive, base64;
5.35.0: U06rpMtW9V3XPGOBeamTUSr0Z09jMX4IJuANpE/EZbAhw0G8CgwrzU4YmXkn/h0wCDNsXdGarTNNHC3sU8yVUQ==), copy the files that
`files.sha256` names, make that anew, and look at /docs in a browser.
"""
