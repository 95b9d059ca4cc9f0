// Stanzas of fifteen kinds under a small dictionary, encoded by two other implementations of the same
// grammar that agree byte for byte. Nodes are `[tag, [key, value, …], content]`, content one of
// `{"n": nodes}`, `{"t": text}`, `{"b": hex}`; `hex` is the flags byte and the payload.

import Wire

struct WireVector: Decodable {
    let name: String
    let node: VectorNode
    let hex: String
}

let smallDictionarySingle: [String] = [
    "", "\u{1}start", "\u{1}end", "s.whatsapp.net", "to", "type", "jid", "id", "t", "message",
    "enc", "v", "msg", "from", "notify", "text", "item", "receipt", "user", "contact", "ack",
    "class", "body", "presence", "in", "media", "chatstate", "composing", "list", "read", "last",
    "unavailable", "image", "mimetype", "image/jpeg", "url", "size", "width", "height",
    "filehash", "available", "out", "iq", "xmlns", "w:p", "get", "ping", "g.us", "phash",
    "participants", "skmsg", "true", "stream:features", "readreceipts", "groups_v2", "privacy",
    "w:profile:picture", "pong", "status", "auth", "mechanism", "WAUTH-2", "passive",
]

/// One JSON value a line.
let vectorLines = #"""
    {"name": "msg_text", "node": ["message", ["from", "15914936536@s.whatsapp.net", "id", "3\#
    ABD9A148492B81D6E1F", "type", "text", "t", "1717646904", "notify", "Priya S"], {"n": [[\#
    "body", [], {"t": "I'm running late, start without me"}]]}], "hex": "00f80c090dfaff86159\#
    14936536f0307fb0a3abd9a148492b81d6e1f050f08ff0517176469040efc0750726979612053f801f80216f\#
    c2249276d2072756e6e696e67206c6174652c20737461727420776974686f7574206d65"}
    {"name": "msg_enc", "node": ["message", ["from", "13839560642@s.whatsapp.net", "id", "3A\#
    AD0267CDF6A2D778", "type", "text", "t", "1744271590", "notify", "L. Okafor"], {"n": [["e\#
    nc", ["v", "2", "type", "msg"], {"b": "28a2c462b0d503d7833dd36bbf09317dd9d23ad27087bdc8c\#
    16a23d56367f562f2a9102dbae5b8265d1dc0105ff73954a19e2eb35b2639fdbf5a60ef08c6a48c4f9ea1d6c\#
    d7362610d22b5695e27fc402f0976f4be2e9dbbe101e1570a4ed1c2ad5f22363b32622fc4172463dcf164857\#
    e36ed40636a3d2e2d6f9aadcd9c5f3a0043cb6236b91397f434c38cf2cf8f2446d5"}]]}], "hex": "00f80\#
    c090dfaff8613839560642f0307fb093aad0267cdf6a2d778050f08ff0517442715900efc094c2e204f6b616\#
    66f72f801f8060a0bff812f050cfc9228a2c462b0d503d7833dd36bbf09317dd9d23ad27087bdc8c16a23d56\#
    367f562f2a9102dbae5b8265d1dc0105ff73954a19e2eb35b2639fdbf5a60ef08c6a48c4f9ea1d6cd7362610\#
    d22b5695e27fc402f0976f4be2e9dbbe101e1570a4ed1c2ad5f22363b32622fc4172463dcf164857e36ed406\#
    36a3d2e2d6f9aadcd9c5f3a0043cb6236b91397f434c38cf2cf8f2446d5"}
    {"name": "receipt_delivery", "node": ["receipt", ["to", "15789571568@s.whatsapp.net", "i\#
    d", "3A1C8AE9E3018F4122E2"]], "hex": "00f8051104faff8615789571568f0307fb0a3a1c8ae9e3018f\#
    4122e2"}
    {"name": "receipt_read", "node": ["receipt", ["to", "17607585582@s.whatsapp.net", "id\#
    ", "3A0F3F6B0AA6F2374C9A", "type", "read", "t", "1740169185"], {"n": [["list", [], {"n\#
    ": [["item", ["id", "3EB0A14E5B3173535C997B"]], ["item", ["id", "3A057D5C689C29BEBD"]]\#
    , ["item", ["id", "3A6FE8EAA2496572A6D7"]]]}]]}], "hex": "00f80a1104faff8617607585582f03\#
    07fb0a3a0f3f6b0aa6f2374c9a051d08ff051740169185f801f8021cf803f8031007fb0b3eb0a14e5b317353\#
    5c997bf8031007fb093a057d5c689c29bebdf8031007fb0a3a6fe8eaa2496572a6d7"}
    {"name": "ack", "node": ["ack", ["to", "79856378260@s.whatsapp.net", "id", "3A899692FA51\#
    9EA35047", "class", "message", "t", "1740562898"]], "hex": "00f8091404faff8679856378260f\#
    0307fb0a3a899692fa519ea35047150908ff051740562898"}
    {"name": "presence_available", "node": ["presence", ["type", "available", "from", "15918\#
    401978@s.whatsapp.net"]], "hex": "00f8051705280dfaff8615918401978f03"}
    {"name": "presence_unavailable", "node": ["presence", ["type", "unavailable", "from", "1\#
    5918967158@s.whatsapp.net", "last", "1702625137"]], "hex": "00f80717051f0dfaff8615918967\#
    158f031eff051702625137"}
    {"name": "chatstate", "node": ["chatstate", ["to", "16042840632@s.whatsapp.net"], {"n\#
    ": [["composing", []]]}], "hex": "00f8041a04faff8616042840632f03f801f8011b"}
    {"name": "iq_ping", "node": ["iq", ["id", "16750.29565-257", "xmlns", "w:p", "type", "ge\#
    t", "to", "s.whatsapp.net"], {"n": [["ping", []]]}], "hex": "00f80a2a07ff8816750b29565a2\#
    57f2b2c052d0403f801f8012e"}
    {"name": "group_list30", "node": ["message", ["to", "13968897545-1659418689@g.us", "id\#
    ", "3A9850D1AC9DCF5869", "type", "text", "phash", "2:jkgC9D++"], {"n": [["participants\#
    ", [], {"n": [["to", ["jid", "16307133854@s.whatsapp.net"]], ["to", ["jid", "19687563951\#
    @s.whatsapp.net"]], ["to", ["jid", "17600086114@s.whatsapp.net"]], ["to", ["jid", "17089\#
    006413@s.whatsapp.net"]], ["to", ["jid", "5218192645591@s.whatsapp.net"]], ["to", ["jid\#
    ", "14352861636@s.whatsapp.net"]], ["to", ["jid", "13183433370@s.whatsapp.net"]], ["to\#
    ", ["jid", "17607828127@s.whatsapp.net"]], ["to", ["jid", "19552155749@s.whatsapp.net"]]\#
    , ["to", ["jid", "6281395073340@s.whatsapp.net"]], ["to", ["jid", "16175736932@s.whatsap\#
    p.net"]], ["to", ["jid", "19424698616@s.whatsapp.net"]], ["to", ["jid", "5219949245771@s\#
    .whatsapp.net"]], ["to", ["jid", "49157301535511@s.whatsapp.net"]], ["to", ["jid", "1539\#
    5116514@s.whatsapp.net"]], ["to", ["jid", "12405367809@s.whatsapp.net"]], ["to", ["jid\#
    ", "15784373412@s.whatsapp.net"]], ["to", ["jid", "6282178268231@s.whatsapp.net"]], ["to\#
    ", ["jid", "5218169256179@s.whatsapp.net"]], ["to", ["jid", "15001381355@s.whatsapp.net\#
    "]], ["to", ["jid", "447577689058@s.whatsapp.net"]], ["to", ["jid", "918669754906@s.what\#
    sapp.net"]], ["to", ["jid", "12920277149@s.whatsapp.net"]], ["to", ["jid", "14353524098@\#
    s.whatsapp.net"]], ["to", ["jid", "17345306694@s.whatsapp.net"]], ["to", ["jid", "181230\#
    89715@s.whatsapp.net"]], ["to", ["jid", "12535407511@s.whatsapp.net"]], ["to", ["jid\#
    ", "6281207545320@s.whatsapp.net"]], ["to", ["jid", "2348138895276@s.whatsapp.net"]], [\#
    "to", ["jid", "447578018302@s.whatsapp.net"]]]}], ["enc", ["v", "2", "type", "skmsg"], {\#
    "b": "512f0bd11a51ab563efa6e27d2a023fe93d15f08e69fb6022911dfdddd44af9406bee2c147f0994191\#
    f7eea5faecf4c18adcc5146d3409bc4364bbb12a4f8e9c51be219ebc61b4b34849ffe635a54b64a9138895aa\#
    ca8af81b38f366d900e267fc87f97f23e909bfebd542265dd13cd6bb28ea16e3a9f9a88f9be49ff15f5a907d\#
    e8"}]]}], "hex": "00f80a0904faff0b13968897545a16594186892f07fb093a9850d1ac9dcf5869050f30\#
    fc0a323a6a6b674339442b2bf802f80231f81ef8030406faff8616307133854f03f8030406faff8619687563\#
    951f03f8030406faff8617600086114f03f8030406faff8617089006413f03f8030406faff87521819264559\#
    1f03f8030406faff8614352861636f03f8030406faff8613183433370f03f8030406faff8617607828127f03\#
    f8030406faff8619552155749f03f8030406faff876281395073340f03f8030406faff8616175736932f03f8\#
    030406faff8619424698616f03f8030406faff875219949245771f03f8030406faff074915730153551103f8\#
    030406faff8615395116514f03f8030406faff8612405367809f03f8030406faff8615784373412f03f80304\#
    06faff876282178268231f03f8030406faff875218169256179f03f8030406faff8615001381355f03f80304\#
    06faff0644757768905803f8030406faff0691866975490603f8030406faff8612920277149f03f8030406fa\#
    ff8614353524098f03f8030406faff8617345306694f03f8030406faff8618123089715f03f8030406faff86\#
    12535407511f03f8030406faff876281207545320f03f8030406faff872348138895276f03f8030406faff06\#
    44757801830203f8060a0bff812f0532fc82512f0bd11a51ab563efa6e27d2a023fe93d15f08e69fb6022911\#
    dfdddd44af9406bee2c147f0994191f7eea5faecf4c18adcc5146d3409bc4364bbb12a4f8e9c51be219ebc61\#
    b4b34849ffe635a54b64a9138895aaca8af81b38f366d900e267fc87f97f23e909bfebd542265dd13cd6bb28\#
    ea16e3a9f9a88f9be49ff15f5a907de8"}
    {"name": "group_fanout30_enc", "node": ["message", ["to", "120363636172003389@g.us", "id\#
    ", "3EB0CC92BD5A7B65812C", "type", "text", "phash", "2:cQj7HTGo"], {"n": [["participants\#
    ", [], {"n": [["to", ["jid", "917659257052@s.whatsapp.net"], {"n": [["enc", ["v", "2\#
    ", "type", "msg"], {"b": "b3cccce12683965ad22cfd4ecaf5e761e362375b1bac508b63af6ddca343db\#
    a1c68ccffffb9385e0db3f4f295fe0970025823483774172c5d7c4e1f0f490690ebc42eb7d3172cef0abe613\#
    eed5613283deef1f5a757119835e603cb8b6dc6139a828a3fabb6cb9bf9a70115f9e50"}]]}], ["to", ["j\#
    id", "33772428626@s.whatsapp.net"], {"n": [["enc", ["v", "2", "type", "msg"], {"b": "01b\#
    f9f91a0eb1a9e7bd116592d06cda82ca9b4198e05a0e899afb7d82a260ad6d60c079b3805112cb8989ffe643\#
    8b0f0921bbf62b0a1be9dfd8de1c0b752136493234d2a6970c5cec661be5871228be7a0ec00b6480593546d6\#
    563679cbb5a133cb465e800028ec6f7662d69cf62"}]]}], ["to", ["jid", "17867636795@s.whatsapp.\#
    net"], {"n": [["enc", ["v", "2", "type", "msg"], {"b": "7c7d4fdb36dedf853aa7509e1650a11f\#
    8627bd64b6f36217d9f5eb87614ad1549b81ad2d4091545ffed1e5c6021567a7a154fbad875fa4be6f72e799\#
    331fcfe6f5d71e7d3c961199257a7e0ddf04a6b2658f84ac5d4e6021bd18e89dba5c40864f0ba159127d5bf6\#
    a227e91dc0a6"}]]}], ["to", ["jid", "2348039841016@s.whatsapp.net"], {"n": [["enc", ["v\#
    ", "2", "type", "msg"], {"b": "21bc822a1312a4f374328bcf8dac43fe2be899b47f2dfdd2a220cd634\#
    02d777179a2d45b9cb9b3d0001383276f4e173fedcb0c58cdf1b2579fb659b0b8c67c49da50e0234f777a0cd\#
    d0b45695ce1d543daa4899fece28a9395258856831183a49871038e82a9eeee742b9e83191e"}]]}], ["to\#
    ", ["jid", "49162822229532@s.whatsapp.net"], {"n": [["enc", ["v", "2", "type", "msg"], {\#
    "b": "8f0f02e11977b8a1cb08f062589ebd08a7eb2b57cb3e81d8115865dedbcd9b66a3a06817fab46fcf04\#
    8f0b243560c0c257b57bb45d0a028ba1b42041f6dc62ece85828f739b298de18a33e29d4c66946d4aedc6343\#
    a321028b8838490f064224cd5434cda696b75f8c982f021ac9"}]]}], ["to", ["jid", "15912223264@s.\#
    whatsapp.net"], {"n": [["enc", ["v", "2", "type", "msg"], {"b": "d4fd7e70a42fe8d55deaf55\#
    37040a7265d48cdeefe07f3b6a7c829da0f17f5bee5a72c02f0849047785be2364a25b316882f27f058a8478\#
    82f34e48cc20a6658002a3062ae39c61fabe3dab4c9f33cbd6cd87323770220077385596de41c755b31f6839\#
    36174e0031ec381655bab"}]]}], ["to", ["jid", "13446647505@s.whatsapp.net"], {"n": [["enc\#
    ", ["v", "2", "type", "msg"], {"b": "44ed2f4e6b855d0fdb78861177b103ad3cee5d6fcf8385b5553\#
    7d1162f61081179215626948cb041dd4341cd30aeee0d0f919529411bae437f8637c4661fa9a86ebb8e3eebd\#
    580448a39e4ed2bf018c14dc6910995d48f6679b3e1067bfe313869230b94b209ea205ac681a11807"}]]}]\#
    , ["to", ["jid", "15269544456@s.whatsapp.net"], {"n": [["enc", ["v", "2", "type", "msg"]\#
    , {"b": "cba94eb9a6429580909b3d35fb64cd46f09459046834323be349769ba9b0c0269864c16a5d36648\#
    b7af4012d54f8df16cc668974ce23d289defc305b650cabc65d06369876030e947298185f47b49d0146dae39\#
    609e15e4e8df3093ecee3e68627c9abb91da16ab7e4857cd2a4b1"}]]}], ["to", ["jid", "18257145811\#
    @s.whatsapp.net"], {"n": [["enc", ["v", "2", "type", "msg"], {"b": "161210322da359dd0542\#
    28f196d19baee5852cb0ad8a6e5ab2462dbab9fdadfbf3dddb6d0aa830d3ad8450f44dafac4851a4b0041e8d\#
    502e17c0aa8241a7cea45654889bd05130624cce88b601490d7846ee16f77cb363a6c35161f9c1ccc72789b0\#
    d0c32b686b22ae3a22465b11"}]]}], ["to", ["jid", "13181107948@s.whatsapp.net"], {"n": [["e\#
    nc", ["v", "2", "type", "msg"], {"b": "21e7ee01d7f5f33c4100bfb8783e06140dc8cd409d55ae211\#
    227d39696b3a834ee596c54bae2062c3654cb0921b391770d9153a2f7cf206a53e691e124f9c24ffa3cf7daa\#
    3304dd94fa1172c9ec2b3eceeec740141d8d8a4a97009852c6acf354e21c49d58e7119ee33a5efce6d9"}]]}\#
    ], ["to", ["jid", "6285774780545@s.whatsapp.net"], {"n": [["enc", ["v", "2", "type", "ms\#
    g"], {"b": "0e0a72bff44d2e2f7595d3d4a0624b7dda352971edb4dea04f70fac63c581a39915bb3e123b0\#
    0c266791d1271d8bae07d2e9e9797f3930e0d4755ce3ec84dd9dccd05536f62d353c5a8b8d7ba62e7d3f88e3\#
    8903390c0af35621e6b61a7fa3474f10a9a7d4e605213efa618330b8"}]]}], ["to", ["jid", "16950488\#
    248@s.whatsapp.net"], {"n": [["enc", ["v", "2", "type", "msg"], {"b": "01184d88ff199e521\#
    c2e56df26b3905be8f94e4f7501793c55ea4371dac5e984df8642f99719a0cdd2108305150f72558ec38cbcc\#
    03a0d6fdd90d5616048654e1953ec13619e6bf626de321a8a590d8f179abc9430be689f7d86bae9a03af8a04\#
    394eaa0aa781d8e2796e9fd726e"}]]}], ["to", ["jid", "15391722360@s.whatsapp.net"], {"n": [\#
    ["enc", ["v", "2", "type", "msg"], {"b": "0ff18feaec6ced8909fd32bee33e20d59b70e8c63aa2c5\#
    ff7983ffac57fd748f41bd226fd4f3929a51348098dabc7c22b559619d29380b8bf1313d1c45d78a278f475e\#
    c84d8b55393fa83ceceb42c4b94358a718d2366f33104747141a86ee20d9abd43b24abbde19125cda303d5"}\#
    ]]}], ["to", ["jid", "15268790103@s.whatsapp.net"], {"n": [["enc", ["v", "2", "type", "m\#
    sg"], {"b": "46b1611ef0791e51b9473de0e1b40b015998de137430a3b57c83c6a120cd6aa6e80ee3c70b6\#
    699ef84426ff2686787f4eea43d86c7b718ff1b278058703cc033d204f16204b1ac3f5bdd2c61f1870946be9\#
    0986df53854766ea3c7c76ca79e1965e7e137655526576585c577e6d4"}]]}], ["to", ["jid", "1383344\#
    2086@s.whatsapp.net"], {"n": [["enc", ["v", "2", "type", "msg"], {"b": "e27524f5e2fff096\#
    782cc612e126dc90dbeec370ce383809d92bfe72290da15d0d84e57ad08e1253ce3dd27c0f9d11b16880cefb\#
    9f98d9db539747f87496c4ea7e4142740f9b2c49a217b1a5526ca2a2156838fb412532ae961fe71a28d0bc18\#
    bb15c6d36ce4f571f62ca9995e18"}]]}], ["to", ["jid", "13573801050@s.whatsapp.net"], {"n\#
    ": [["enc", ["v", "2", "type", "msg"], {"b": "36c144ea9ed845f296085ac67958afe26671bfcb5c\#
    4119cd46b01b3e60e94dca02025b9230cf51ded68686b60c13046333cc0f66af883b3cbb176870b193ed6ffa\#
    39f44651e0ae454f2d8a91de029608519e54d7a5b3844a36f9bc95ae66927a751f58899f8a704c51769b00ba\#
    78"}]]}], ["to", ["jid", "12792465901@s.whatsapp.net"], {"n": [["enc", ["v", "2", "type\#
    ", "msg"], {"b": "14e1613a92ed5d68def2dbd13c9b0f7c0438280c99d6e348cac826405a911d33870232\#
    73b9f7ce0039cdeba1a766f9d7851b9cf1882c04f9f8daa4db9e748e18ca623cc4411dbc4cb968b5ccef384f\#
    ab7c0a5b8aaa2089851d1183791752d196ba4f59dbafb6f55bfdc381e17956"}]]}], ["to", ["jid", "19\#
    030949038@s.whatsapp.net"], {"n": [["enc", ["v", "2", "type", "msg"], {"b": "5804c4c675b\#
    3afaf5cc6838e967dde5406c4ebbcffd7bb588c6ad7ab965e53a4fbbc895ca4b941c2c42f451b47d2025c1ff\#
    681bb3d4bc84de6604e61647e1b649d0f175e54cae1c599444fc85c9dce8680f03658d03f38f5b94a0f85a08\#
    0d6ec72f4d7d9b3b86e97d7665a7e111c"}]]}], ["to", ["jid", "17732623652@s.whatsapp.net"], {\#
    "n": [["enc", ["v", "2", "type", "msg"], {"b": "0f6571d8cbec7fc18cd3cf48296cbf5bff27b227\#
    ebe497dcc8af9ecf5150c10eab5ad166790dcabaff929559236470d81ea22086fb7e986baa112f1563bac367\#
    fb4e5607b27f0dc9b68a8b56bc4c9176b609c2066bbb6391c02efb0ba4e2b6d06b7830dc4ebce38ad33d4baa\#
    d5be"}]]}], ["to", ["jid", "13186518665@s.whatsapp.net"], {"n": [["enc", ["v", "2", "typ\#
    e", "msg"], {"b": "56e87ea7ce1dc530513887caae31c9457f48feda4a96e3bb0590d40d689d9c0631df6\#
    d0e930c46ddbcf3928ec652e1e7dcfd7ef52e0143b5a69caaa7eeb27b76a38a25dc78b0f0b56c15daacfdb27\#
    9d0a907bb00efd324131b0a91fd5218db9f3954ea3bdd19a11957d7ed8f829e"}]]}], ["to", ["jid", "1\#
    5916664900@s.whatsapp.net"], {"n": [["enc", ["v", "2", "type", "msg"], {"b": "2d29a9424e\#
    c06d1af00ce560f840f9b151a75164ef81578c2e06f41fea3b16d61b2d8b25e969045638b6ac99e0956003c7\#
    05a35d64b88dffdb2a472782aba09357dd73febfa5d045c5a48549a69f135c98fb414964cf7607decf0133f7\#
    d5ddcacac30202e6583d771a0029647937"}]]}], ["to", ["jid", "12798224170@s.whatsapp.net"]\#
    , {"n": [["enc", ["v", "2", "type", "msg"], {"b": "302e8bab7158b3b9e893b385c69dcafffbe79\#
    aa703586850c531a77a866c3ad71565c9e823be31e84387bbedd7b2ae0dfee0d883eebb237084269f71d6ffa\#
    40b67a29d315835b0836879fe6edc52599e816950b8a5069e9e1a01f8c285008ca84533afcd478e3eb463057\#
    7df6fa1"}]]}], ["to", ["jid", "49152020048761@s.whatsapp.net"], {"n": [["enc", ["v", "2\#
    ", "type", "msg"], {"b": "049dc0ee47916ca4616173795c67053eec47947d7d296723b3e5d2847d0c8b\#
    afa5da22526c3a06af8fa68c80a08d8e97294c821164e3df26e0464202b54311035faf136412a5ecca9b9a0f\#
    411ac44f0f12163b534c08daefcde356d77542acf9c26603cc8b33cb5d47a70f9c4301"}]]}], ["to", ["j\#
    id", "49160111985595@s.whatsapp.net"], {"n": [["enc", ["v", "2", "type", "msg"], {"b\#
    ": "2e72116b577f12fc282e30a679bc43c59bf99e53898dfcae1555efe9a719d17333a36b103da8700d421b\#
    ac1402754f520407fc796a9e45bc64ca6930c1d0963eba3fe531c57a31638e03a0d31f9ab798add88025c379\#
    5f37b49347cc65f96824c04bcd26518e6d7b657481a5542c"}]]}], ["to", ["jid", "5559924437225@s.\#
    whatsapp.net"], {"n": [["enc", ["v", "2", "type", "msg"], {"b": "7300ae28b559c3b11b48fe6\#
    15ab40fc97bc5db15d9e8c9e8acbef60edb4c2055bde22d123b6db52abe5100ab799e88898a79ce71a499fec\#
    0606f9e10d83c50711f150be884aad773a3a72c5c0a22a70b692b9f40066d08a201245593851b7b3f9186a1b\#
    089fdb6bd6aad657d15d2"}]]}], ["to", ["jid", "13969809186@s.whatsapp.net"], {"n": [["enc\#
    ", ["v", "2", "type", "msg"], {"b": "1489eacd394958f67f6093fa9fbfaef6d01c3da27cbcae1d0ff\#
    ae4cb4c2b96c3bb337d6dc3cb2236c4681d64bf500c2200c5af2774240eb8791be161eb9f26ddbb818903f11\#
    a0059b58dfd63c2f584bb32f54084a1027e05d7a982867d42d0b3284af1dbbbcf796a64356905dc09"}]]}]\#
    , ["to", ["jid", "13050238719@s.whatsapp.net"], {"n": [["enc", ["v", "2", "type", "msg"]\#
    , {"b": "3bc79aa2c10bbeb9daf9c5f12c6e243691e80d7659e9bba9e4dac35def6c8737b6592f7e4559c4c\#
    4609203e6f5b4439dc78a18ff204ae4b14888aaac4229109612416c5b526cd8fd753b2ec841edf97fdfbb9ca\#
    2334668dfcc051c253a6b305aafd89388d12b2d598cf2f0ac029e"}]]}], ["to", ["jid", "13834502415\#
    @s.whatsapp.net"], {"n": [["enc", ["v", "2", "type", "msg"], {"b": "7292728465ebccf91f50\#
    4375acf1a253eed604a6cdd69ba21f857bc9aa5f707f64d99559db06c3b733e8b70ecad54a3373d46c69dd15\#
    ae08ab8e7d26df7c22192e22a7cf7c1ca9e497cfa74cb1c299e9849b0c7c5b0f16297d5d17212aab5b864844\#
    860884e56d3d123fbaeca53a"}]]}], ["to", ["jid", "15910993762@s.whatsapp.net"], {"n": [["e\#
    nc", ["v", "2", "type", "msg"], {"b": "23d0c8fcde697c41f66336dd6b7a127e60d43088b98112c9a\#
    1c474b48a19aae580ee5ec63d7a8c9de5a76eac7e0c96ccb8eab0148cce799b076e4de40b5ef61061b1d8e2b\#
    d181ab6fc1aa7615edd56cf4b0c94d6a650765aba2ef4912e72a574648809d9219d2315fa4009c6aef4"}]]}\#
    ], ["to", ["jid", "18900241256@s.whatsapp.net"], {"n": [["enc", ["v", "2", "type", "msg\#
    "], {"b": "40c3c1a2d2cf9effcee8263d6ee39a922397ef569c31c63f5bb6ab83e5d6b41e1d9a626b9d2a3\#
    8d1b29cd98ae18b81647c5f09ed0cc62b2372e7cb9aa47959a030528eb3e3aed28ba6eecb4f3241377588f43\#
    a92e379777e70f5156f06e981db73646288c253178323908aed5d84"}]]}]]}], ["enc", ["v", "2", "ty\#
    pe", "skmsg"], {"b": "e1988f474eb36be496a9824c121e91a0e1b16fac822d50b0cdec519bc10e8e594e\#
    d90e11ee0fe4bd8903bf13e417e98135ef30303fb23265bc71891d8493940ac4e6eb5a101958e552e0f79c1d\#
    c61121aa624bc411e876da44e3d45bbd7669e7963a693c32e0e397a32683abbb3d3757e203417123891f37f9\#
    512281719e79c558d9"}]]}], "hex": "00f80a0904faff091203636361720033892f07fb0a3eb0cc92bd5a\#
    7b65812c050f30fc0a323a63516a374854476ff802f80231f81ef8040406faff0691765925705203f801f806\#
    0a0bff812f050cfc6eb3cccce12683965ad22cfd4ecaf5e761e362375b1bac508b63af6ddca343dba1c68ccf\#
    fffb9385e0db3f4f295fe0970025823483774172c5d7c4e1f0f490690ebc42eb7d3172cef0abe613eed56132\#
    83deef1f5a757119835e603cb8b6dc6139a828a3fabb6cb9bf9a70115f9e50f8040406faff8633772428626f\#
    03f801f8060a0bff812f050cfc6e01bf9f91a0eb1a9e7bd116592d06cda82ca9b4198e05a0e899afb7d82a26\#
    0ad6d60c079b3805112cb8989ffe6438b0f0921bbf62b0a1be9dfd8de1c0b752136493234d2a6970c5cec661\#
    be5871228be7a0ec00b6480593546d6563679cbb5a133cb465e800028ec6f7662d69cf62f8040406faff8617\#
    867636795f03f801f8060a0bff812f050cfc6e7c7d4fdb36dedf853aa7509e1650a11f8627bd64b6f36217d9\#
    f5eb87614ad1549b81ad2d4091545ffed1e5c6021567a7a154fbad875fa4be6f72e799331fcfe6f5d71e7d3c\#
    961199257a7e0ddf04a6b2658f84ac5d4e6021bd18e89dba5c40864f0ba159127d5bf6a227e91dc0a6f80404\#
    06faff872348039841016f03f801f8060a0bff812f050cfc6e21bc822a1312a4f374328bcf8dac43fe2be899\#
    b47f2dfdd2a220cd63402d777179a2d45b9cb9b3d0001383276f4e173fedcb0c58cdf1b2579fb659b0b8c67c\#
    49da50e0234f777a0cdd0b45695ce1d543daa4899fece28a9395258856831183a49871038e82a9eeee742b9e\#
    83191ef8040406faff074916282222953203f801f8060a0bff812f050cfc6e8f0f02e11977b8a1cb08f06258\#
    9ebd08a7eb2b57cb3e81d8115865dedbcd9b66a3a06817fab46fcf048f0b243560c0c257b57bb45d0a028ba1\#
    b42041f6dc62ece85828f739b298de18a33e29d4c66946d4aedc6343a321028b8838490f064224cd5434cda6\#
    96b75f8c982f021ac9f8040406faff8615912223264f03f801f8060a0bff812f050cfc6ed4fd7e70a42fe8d5\#
    5deaf5537040a7265d48cdeefe07f3b6a7c829da0f17f5bee5a72c02f0849047785be2364a25b316882f27f0\#
    58a847882f34e48cc20a6658002a3062ae39c61fabe3dab4c9f33cbd6cd87323770220077385596de41c755b\#
    31f683936174e0031ec381655babf8040406faff8613446647505f03f801f8060a0bff812f050cfc6e44ed2f\#
    4e6b855d0fdb78861177b103ad3cee5d6fcf8385b55537d1162f61081179215626948cb041dd4341cd30aeee\#
    0d0f919529411bae437f8637c4661fa9a86ebb8e3eebd580448a39e4ed2bf018c14dc6910995d48f6679b3e1\#
    067bfe313869230b94b209ea205ac681a11807f8040406faff8615269544456f03f801f8060a0bff812f050c\#
    fc6ecba94eb9a6429580909b3d35fb64cd46f09459046834323be349769ba9b0c0269864c16a5d36648b7af4\#
    012d54f8df16cc668974ce23d289defc305b650cabc65d06369876030e947298185f47b49d0146dae39609e1\#
    5e4e8df3093ecee3e68627c9abb91da16ab7e4857cd2a4b1f8040406faff8618257145811f03f801f8060a0b\#
    ff812f050cfc6e161210322da359dd054228f196d19baee5852cb0ad8a6e5ab2462dbab9fdadfbf3dddb6d0a\#
    a830d3ad8450f44dafac4851a4b0041e8d502e17c0aa8241a7cea45654889bd05130624cce88b601490d7846\#
    ee16f77cb363a6c35161f9c1ccc72789b0d0c32b686b22ae3a22465b11f8040406faff8613181107948f03f8\#
    01f8060a0bff812f050cfc6e21e7ee01d7f5f33c4100bfb8783e06140dc8cd409d55ae211227d39696b3a834\#
    ee596c54bae2062c3654cb0921b391770d9153a2f7cf206a53e691e124f9c24ffa3cf7daa3304dd94fa1172c\#
    9ec2b3eceeec740141d8d8a4a97009852c6acf354e21c49d58e7119ee33a5efce6d9f8040406faff87628577\#
    4780545f03f801f8060a0bff812f050cfc6e0e0a72bff44d2e2f7595d3d4a0624b7dda352971edb4dea04f70\#
    fac63c581a39915bb3e123b00c266791d1271d8bae07d2e9e9797f3930e0d4755ce3ec84dd9dccd05536f62d\#
    353c5a8b8d7ba62e7d3f88e38903390c0af35621e6b61a7fa3474f10a9a7d4e605213efa618330b8f8040406\#
    faff8616950488248f03f801f8060a0bff812f050cfc6e01184d88ff199e521c2e56df26b3905be8f94e4f75\#
    01793c55ea4371dac5e984df8642f99719a0cdd2108305150f72558ec38cbcc03a0d6fdd90d5616048654e19\#
    53ec13619e6bf626de321a8a590d8f179abc9430be689f7d86bae9a03af8a04394eaa0aa781d8e2796e9fd72\#
    6ef8040406faff8615391722360f03f801f8060a0bff812f050cfc6e0ff18feaec6ced8909fd32bee33e20d5\#
    9b70e8c63aa2c5ff7983ffac57fd748f41bd226fd4f3929a51348098dabc7c22b559619d29380b8bf1313d1c\#
    45d78a278f475ec84d8b55393fa83ceceb42c4b94358a718d2366f33104747141a86ee20d9abd43b24abbde1\#
    9125cda303d5f8040406faff8615268790103f03f801f8060a0bff812f050cfc6e46b1611ef0791e51b9473d\#
    e0e1b40b015998de137430a3b57c83c6a120cd6aa6e80ee3c70b6699ef84426ff2686787f4eea43d86c7b718\#
    ff1b278058703cc033d204f16204b1ac3f5bdd2c61f1870946be90986df53854766ea3c7c76ca79e1965e7e1\#
    37655526576585c577e6d4f8040406faff8613833442086f03f801f8060a0bff812f050cfc6ee27524f5e2ff\#
    f096782cc612e126dc90dbeec370ce383809d92bfe72290da15d0d84e57ad08e1253ce3dd27c0f9d11b16880\#
    cefb9f98d9db539747f87496c4ea7e4142740f9b2c49a217b1a5526ca2a2156838fb412532ae961fe71a28d0\#
    bc18bb15c6d36ce4f571f62ca9995e18f8040406faff8613573801050f03f801f8060a0bff812f050cfc6e36\#
    c144ea9ed845f296085ac67958afe26671bfcb5c4119cd46b01b3e60e94dca02025b9230cf51ded68686b60c\#
    13046333cc0f66af883b3cbb176870b193ed6ffa39f44651e0ae454f2d8a91de029608519e54d7a5b3844a36\#
    f9bc95ae66927a751f58899f8a704c51769b00ba78f8040406faff8612792465901f03f801f8060a0bff812f\#
    050cfc6e14e1613a92ed5d68def2dbd13c9b0f7c0438280c99d6e348cac826405a911d3387023273b9f7ce00\#
    39cdeba1a766f9d7851b9cf1882c04f9f8daa4db9e748e18ca623cc4411dbc4cb968b5ccef384fab7c0a5b8a\#
    aa2089851d1183791752d196ba4f59dbafb6f55bfdc381e17956f8040406faff8619030949038f03f801f806\#
    0a0bff812f050cfc6e5804c4c675b3afaf5cc6838e967dde5406c4ebbcffd7bb588c6ad7ab965e53a4fbbc89\#
    5ca4b941c2c42f451b47d2025c1ff681bb3d4bc84de6604e61647e1b649d0f175e54cae1c599444fc85c9dce\#
    8680f03658d03f38f5b94a0f85a080d6ec72f4d7d9b3b86e97d7665a7e111cf8040406faff8617732623652f\#
    03f801f8060a0bff812f050cfc6e0f6571d8cbec7fc18cd3cf48296cbf5bff27b227ebe497dcc8af9ecf5150\#
    c10eab5ad166790dcabaff929559236470d81ea22086fb7e986baa112f1563bac367fb4e5607b27f0dc9b68a\#
    8b56bc4c9176b609c2066bbb6391c02efb0ba4e2b6d06b7830dc4ebce38ad33d4baad5bef8040406faff8613\#
    186518665f03f801f8060a0bff812f050cfc6e56e87ea7ce1dc530513887caae31c9457f48feda4a96e3bb05\#
    90d40d689d9c0631df6d0e930c46ddbcf3928ec652e1e7dcfd7ef52e0143b5a69caaa7eeb27b76a38a25dc78\#
    b0f0b56c15daacfdb279d0a907bb00efd324131b0a91fd5218db9f3954ea3bdd19a11957d7ed8f829ef80404\#
    06faff8615916664900f03f801f8060a0bff812f050cfc6e2d29a9424ec06d1af00ce560f840f9b151a75164\#
    ef81578c2e06f41fea3b16d61b2d8b25e969045638b6ac99e0956003c705a35d64b88dffdb2a472782aba093\#
    57dd73febfa5d045c5a48549a69f135c98fb414964cf7607decf0133f7d5ddcacac30202e6583d771a002964\#
    7937f8040406faff8612798224170f03f801f8060a0bff812f050cfc6e302e8bab7158b3b9e893b385c69dca\#
    fffbe79aa703586850c531a77a866c3ad71565c9e823be31e84387bbedd7b2ae0dfee0d883eebb237084269f\#
    71d6ffa40b67a29d315835b0836879fe6edc52599e816950b8a5069e9e1a01f8c285008ca84533afcd478e3e\#
    b4630577df6fa1f8040406faff074915202004876103f801f8060a0bff812f050cfc6e049dc0ee47916ca461\#
    6173795c67053eec47947d7d296723b3e5d2847d0c8bafa5da22526c3a06af8fa68c80a08d8e97294c821164\#
    e3df26e0464202b54311035faf136412a5ecca9b9a0f411ac44f0f12163b534c08daefcde356d77542acf9c2\#
    6603cc8b33cb5d47a70f9c4301f8040406faff074916011198559503f801f8060a0bff812f050cfc6e2e7211\#
    6b577f12fc282e30a679bc43c59bf99e53898dfcae1555efe9a719d17333a36b103da8700d421bac1402754f\#
    520407fc796a9e45bc64ca6930c1d0963eba3fe531c57a31638e03a0d31f9ab798add88025c3795f37b49347\#
    cc65f96824c04bcd26518e6d7b657481a5542cf8040406faff875559924437225f03f801f8060a0bff812f05\#
    0cfc6e7300ae28b559c3b11b48fe615ab40fc97bc5db15d9e8c9e8acbef60edb4c2055bde22d123b6db52abe\#
    5100ab799e88898a79ce71a499fec0606f9e10d83c50711f150be884aad773a3a72c5c0a22a70b692b9f4006\#
    6d08a201245593851b7b3f9186a1b089fdb6bd6aad657d15d2f8040406faff8613969809186f03f801f8060a\#
    0bff812f050cfc6e1489eacd394958f67f6093fa9fbfaef6d01c3da27cbcae1d0ffae4cb4c2b96c3bb337d6d\#
    c3cb2236c4681d64bf500c2200c5af2774240eb8791be161eb9f26ddbb818903f11a0059b58dfd63c2f584bb\#
    32f54084a1027e05d7a982867d42d0b3284af1dbbbcf796a64356905dc09f8040406faff8613050238719f03\#
    f801f8060a0bff812f050cfc6e3bc79aa2c10bbeb9daf9c5f12c6e243691e80d7659e9bba9e4dac35def6c87\#
    37b6592f7e4559c4c4609203e6f5b4439dc78a18ff204ae4b14888aaac4229109612416c5b526cd8fd753b2e\#
    c841edf97fdfbb9ca2334668dfcc051c253a6b305aafd89388d12b2d598cf2f0ac029ef8040406faff861383\#
    4502415f03f801f8060a0bff812f050cfc6e7292728465ebccf91f504375acf1a253eed604a6cdd69ba21f85\#
    7bc9aa5f707f64d99559db06c3b733e8b70ecad54a3373d46c69dd15ae08ab8e7d26df7c22192e22a7cf7c1c\#
    a9e497cfa74cb1c299e9849b0c7c5b0f16297d5d17212aab5b864844860884e56d3d123fbaeca53af8040406\#
    faff8615910993762f03f801f8060a0bff812f050cfc6e23d0c8fcde697c41f66336dd6b7a127e60d43088b9\#
    8112c9a1c474b48a19aae580ee5ec63d7a8c9de5a76eac7e0c96ccb8eab0148cce799b076e4de40b5ef61061\#
    b1d8e2bd181ab6fc1aa7615edd56cf4b0c94d6a650765aba2ef4912e72a574648809d9219d2315fa4009c6ae\#
    f4f8040406faff8618900241256f03f801f8060a0bff812f050cfc6e40c3c1a2d2cf9effcee8263d6ee39a92\#
    2397ef569c31c63f5bb6ab83e5d6b41e1d9a626b9d2a38d1b29cd98ae18b81647c5f09ed0cc62b2372e7cb9a\#
    a47959a030528eb3e3aed28ba6eecb4f3241377588f43a92e379777e70f5156f06e981db73646288c2531783\#
    23908aed5d84f8060a0bff812f0532fc82e1988f474eb36be496a9824c121e91a0e1b16fac822d50b0cdec51\#
    9bc10e8e594ed90e11ee0fe4bd8903bf13e417e98135ef30303fb23265bc71891d8493940ac4e6eb5a101958\#
    e552e0f79c1dc61121aa624bc411e876da44e3d45bbd7669e7963a693c32e0e397a32683abbb3d3757e20341\#
    7123891f37f9512281719e79c558d9"}
    {"name": "contact_sync50", "node": ["iq", ["from", "17089500493@s.whatsapp.net", "id\#
    ", "51537.7330-161", "type", "result"], {"n": [["usync", ["sid", "sync_sid_970312244\#
    ", "index", "0", "last", "true", "mode", "full", "context", "interactive"], {"n": [["lis\#
    t", [], {"n": [["user", ["jid", "49176374216021@s.whatsapp.net"], {"n": [["contact", ["t\#
    ype", "in"], {"t": "+49176374216021"}]]}], ["user", ["jid", "14357563759@s.whatsapp.net\#
    "], {"n": [["contact", ["type", "in"], {"t": "+14357563759"}]]}], ["user", ["jid", "7903\#
    0962895@s.whatsapp.net"], {"n": [["contact", ["type", "in"], {"t": "+79030962895"}]]}]\#
    , ["user", ["jid", "12925208505@s.whatsapp.net"], {"n": [["contact", ["type", "in"], {"t\#
    ": "+12925208505"}]]}], ["user", ["jid", "17216715962@s.whatsapp.net"], {"n": [["contact\#
    ", ["type", "in"], {"t": "+17216715962"}]]}], ["user", ["jid", "19296673292@s.whatsapp.n\#
    et"], {"n": [["contact", ["type", "in"], {"t": "+19296673292"}]]}], ["user", ["jid", "13\#
    574130850@s.whatsapp.net"], {"n": [["contact", ["type", "in"], {"t": "+13574130850"}]]}]\#
    , ["user", ["jid", "5215510702465@s.whatsapp.net"], {"n": [["contact", ["type", "out"]\#
    , {"t": "+5215510702465"}]]}], ["user", ["jid", "13830898064@s.whatsapp.net"], {"n": [[\#
    "contact", ["type", "in"], {"t": "+13830898064"}]]}], ["user", ["jid", "18511945284@s.wh\#
    atsapp.net"], {"n": [["contact", ["type", "in"], {"t": "+18511945284"}]]}], ["user", ["j\#
    id", "5535965931651@s.whatsapp.net"], {"n": [["contact", ["type", "in"], {"t": "+5535965\#
    931651"}]]}], ["user", ["jid", "18252109199@s.whatsapp.net"], {"n": [["contact", ["type\#
    ", "in"], {"t": "+18252109199"}]]}], ["user", ["jid", "12401966791@s.whatsapp.net"], {"n\#
    ": [["contact", ["type", "in"], {"t": "+12401966791"}]]}], ["user", ["jid", "91824817560\#
    7@s.whatsapp.net"], {"n": [["contact", ["type", "out"], {"t": "+918248175607"}]]}], ["us\#
    er", ["jid", "13831665644@s.whatsapp.net"], {"n": [["contact", ["type", "in"], {"t": "+1\#
    3831665644"}]]}], ["user", ["jid", "18380731669@s.whatsapp.net"], {"n": [["contact", ["t\#
    ype", "in"], {"t": "+18380731669"}]]}], ["user", ["jid", "49172961760342@s.whatsapp.net\#
    "], {"n": [["contact", ["type", "in"], {"t": "+49172961760342"}]]}], ["user", ["jid", "1\#
    2277838548@s.whatsapp.net"], {"n": [["contact", ["type", "in"], {"t": "+12277838548"}]]}\#
    ], ["user", ["jid", "16306323305@s.whatsapp.net"], {"n": [["contact", ["type", "in"], {\#
    "t": "+16306323305"}]]}], ["user", ["jid", "49176384839099@s.whatsapp.net"], {"n": [["co\#
    ntact", ["type", "in"], {"t": "+49176384839099"}]]}], ["user", ["jid", "18649933032@s.wh\#
    atsapp.net"], {"n": [["contact", ["type", "in"], {"t": "+18649933032"}]]}], ["user", ["j\#
    id", "17604783167@s.whatsapp.net"], {"n": [["contact", ["type", "in"], {"t": "+176047831\#
    67"}]]}], ["user", ["jid", "15004417474@s.whatsapp.net"], {"n": [["contact", ["type", "i\#
    n"], {"t": "+15004417474"}]]}], ["user", ["jid", "14356528067@s.whatsapp.net"], {"n": [[\#
    "contact", ["type", "in"], {"t": "+14356528067"}]]}], ["user", ["jid", "15912613484@s.wh\#
    atsapp.net"], {"n": [["contact", ["type", "in"], {"t": "+15912613484"}]]}], ["user", ["j\#
    id", "13702635835@s.whatsapp.net"], {"n": [["contact", ["type", "in"], {"t": "+137026358\#
    35"}]]}], ["user", ["jid", "13185403806@s.whatsapp.net"], {"n": [["contact", ["type", "i\#
    n"], {"t": "+13185403806"}]]}], ["user", ["jid", "14489348813@s.whatsapp.net"], {"n": [[\#
    "contact", ["type", "out"], {"t": "+14489348813"}]]}], ["user", ["jid", "16309162876@s.w\#
    hatsapp.net"], {"n": [["contact", ["type", "out"], {"t": "+16309162876"}]]}], ["user", [\#
    "jid", "49152044580706@s.whatsapp.net"], {"n": [["contact", ["type", "out"], {"t": "+491\#
    52044580706"}]]}], ["user", ["jid", "14616992389@s.whatsapp.net"], {"n": [["contact", [\#
    "type", "out"], {"t": "+14616992389"}]]}], ["user", ["jid", "12149240254@s.whatsapp.net\#
    "], {"n": [["contact", ["type", "in"], {"t": "+12149240254"}]]}], ["user", ["jid", "1643\#
    0960824@s.whatsapp.net"], {"n": [["contact", ["type", "in"], {"t": "+16430960824"}]]}]\#
    , ["user", ["jid", "5219956231324@s.whatsapp.net"], {"n": [["contact", ["type", "in"], {\#
    "t": "+5219956231324"}]]}], ["user", ["jid", "12533895034@s.whatsapp.net"], {"n": [["con\#
    tact", ["type", "in"], {"t": "+12533895034"}]]}], ["user", ["jid", "14480854742@s.whatsa\#
    pp.net"], {"n": [["contact", ["type", "in"], {"t": "+14480854742"}]]}], ["user", ["jid\#
    ", "49175997206812@s.whatsapp.net"], {"n": [["contact", ["type", "in"], {"t": "+49175997\#
    206812"}]]}], ["user", ["jid", "13441576218@s.whatsapp.net"], {"n": [["contact", ["type\#
    ", "in"], {"t": "+13441576218"}]]}], ["user", ["jid", "12663646343@s.whatsapp.net"], {"n\#
    ": [["contact", ["type", "in"], {"t": "+12663646343"}]]}], ["user", ["jid", "18904176609\#
    @s.whatsapp.net"], {"n": [["contact", ["type", "in"], {"t": "+18904176609"}]]}], ["user\#
    ", ["jid", "17733298441@s.whatsapp.net"], {"n": [["contact", ["type", "in"], {"t": "+177\#
    33298441"}]]}], ["user", ["jid", "15526737669@s.whatsapp.net"], {"n": [["contact", ["typ\#
    e", "out"], {"t": "+15526737669"}]]}], ["user", ["jid", "5544978672154@s.whatsapp.net"]\#
    , {"n": [["contact", ["type", "out"], {"t": "+5544978672154"}]]}], ["user", ["jid", "164\#
    34110605@s.whatsapp.net"], {"n": [["contact", ["type", "in"], {"t": "+16434110605"}]]}]\#
    , ["user", ["jid", "19035959163@s.whatsapp.net"], {"n": [["contact", ["type", "out"], {\#
    "t": "+19035959163"}]]}], ["user", ["jid", "15392454490@s.whatsapp.net"], {"n": [["conta\#
    ct", ["type", "in"], {"t": "+15392454490"}]]}], ["user", ["jid", "917053468326@s.whatsap\#
    p.net"], {"n": [["contact", ["type", "in"], {"t": "+917053468326"}]]}], ["user", ["jid\#
    ", "18386206849@s.whatsapp.net"], {"n": [["contact", ["type", "out"], {"t": "+1838620684\#
    9"}]]}], ["user", ["jid", "19033877186@s.whatsapp.net"], {"n": [["contact", ["type", "in\#
    "], {"t": "+19033877186"}]]}], ["user", ["jid", "18517609226@s.whatsapp.net"], {"n": [[\#
    "contact", ["type", "in"], {"t": "+18517609226"}]]}]]}]]}]]}], "hex": "00f8082a0dfaff861\#
    7089500493f0307ff0751537b7330a16105fc06726573756c74f801f80cfc057573796e63fc03736964fc127\#
    3796e635f7369645f393730333132323434fc05696e646578ff810f1e33fc046d6f6465fc0466756c6cfc076\#
    36f6e74657874fc0b696e746572616374697665f801f8021cf832f8041206faff074917637421602103f801f\#
    804130518fc0f2b3439313736333734323136303231f8041206faff8614357563759f03f801f804130518fc0\#
    c2b3134333537353633373539f8041206faff8679030962895f03f801f804130518fc0c2b373930333039363\#
    2383935f8041206faff8612925208505f03f801f804130518fc0c2b3132393235323038353035f8041206faf\#
    f8617216715962f03f801f804130518fc0c2b3137323136373135393632f8041206faff8619296673292f03f\#
    801f804130518fc0c2b3139323936363733323932f8041206faff8613574130850f03f801f804130518fc0c2\#
    b3133353734313330383530f8041206faff875215510702465f03f801f804130529fc0e2b353231353531303\#
    73032343635f8041206faff8613830898064f03f801f804130518fc0c2b3133383330383938303634f804120\#
    6faff8618511945284f03f801f804130518fc0c2b3138353131393435323834f8041206faff8755359659316\#
    51f03f801f804130518fc0e2b35353335393635393331363531f8041206faff8618252109199f03f801f8041\#
    30518fc0c2b3138323532313039313939f8041206faff8612401966791f03f801f804130518fc0c2b3132343\#
    031393636373931f8041206faff0691824817560703f801f804130529fc0d2b393138323438313735363037f\#
    8041206faff8613831665644f03f801f804130518fc0c2b3133383331363635363434f8041206faff8618380\#
    731669f03f801f804130518fc0c2b3138333830373331363639f8041206faff074917296176034203f801f80\#
    4130518fc0f2b3439313732393631373630333432f8041206faff8612277838548f03f801f804130518fc0c2\#
    b3132323737383338353438f8041206faff8616306323305f03f801f804130518fc0c2b31363330363332333\#
    33035f8041206faff074917638483909903f801f804130518fc0f2b3439313736333834383339303939f8041\#
    206faff8618649933032f03f801f804130518fc0c2b3138363439393333303332f8041206faff86176047831\#
    67f03f801f804130518fc0c2b3137363034373833313637f8041206faff8615004417474f03f801f80413051\#
    8fc0c2b3135303034343137343734f8041206faff8614356528067f03f801f804130518fc0c2b31343335363\#
    53238303637f8041206faff8615912613484f03f801f804130518fc0c2b3135393132363133343834f804120\#
    6faff8613702635835f03f801f804130518fc0c2b3133373032363335383335f8041206faff8613185403806\#
    f03f801f804130518fc0c2b3133313835343033383036f8041206faff8614489348813f03f801f804130529f\#
    c0c2b3134343839333438383133f8041206faff8616309162876f03f801f804130529fc0c2b3136333039313\#
    632383736f8041206faff074915204458070603f801f804130529fc0f2b3439313532303434353830373036f\#
    8041206faff8614616992389f03f801f804130529fc0c2b3134363136393932333839f8041206faff8612149\#
    240254f03f801f804130518fc0c2b3132313439323430323534f8041206faff8616430960824f03f801f8041\#
    30518fc0c2b3136343330393630383234f8041206faff875219956231324f03f801f804130518fc0e2b35323\#
    139393536323331333234f8041206faff8612533895034f03f801f804130518fc0c2b3132353333383935303\#
    334f8041206faff8614480854742f03f801f804130518fc0c2b3134343830383534373432f8041206faff074\#
    917599720681203f801f804130518fc0f2b3439313735393937323036383132f8041206faff8613441576218\#
    f03f801f804130518fc0c2b3133343431353736323138f8041206faff8612663646343f03f801f804130518f\#
    c0c2b3132363633363436333433f8041206faff8618904176609f03f801f804130518fc0c2b3138393034313\#
    736363039f8041206faff8617733298441f03f801f804130518fc0c2b3137373333323938343431f8041206f\#
    aff8615526737669f03f801f804130529fc0c2b3135353236373337363639f8041206faff875544978672154\#
    f03f801f804130529fc0e2b35353434393738363732313534f8041206faff8616434110605f03f801f804130\#
    518fc0c2b3136343334313130363035f8041206faff8619035959163f03f801f804130529fc0c2b313930333\#
    5393539313633f8041206faff8615392454490f03f801f804130518fc0c2b3135333932343534343930f8041\#
    206faff0691705346832603f801f804130518fc0d2b393137303533343638333236f8041206faff861838620\#
    6849f03f801f804130529fc0c2b3138333836323036383439f8041206faff8619033877186f03f801f804130\#
    518fc0c2b3139303333383737313836f8041206faff8618517609226f03f801f804130518fc0c2b313835313\#
    7363039323236"}
    {"name": "msg_media", "node": ["message", ["from", "12274311630@s.whatsapp.net", "id\#
    ", "3A9008100334327CB841", "type", "media", "t", "1702106620", "notify", "Diego"], {"n\#
    ": [["media", ["type", "image", "mimetype", "image/jpeg", "url", "https://mmg.whatsapp.n\#
    et/v/t62.7118-24/69633528_107337554504216_1622392876932350_n.enc?ccb=11-4&oh=01_4AeLDk2-\#
    7M6bBu_i9Id_ocwRVk5PeizA&oe=B2EB713A&_nc_sid=5e03e0", "size", "324966", "width", "1200\#
    ", "height", "1600", "filehash", "eJk0spGSZqktXgeHRebj2YdkdSJ9bDEQ6TUb8Y4HGiY="], {"b\#
    ": "001de3a4cb7d2a2e2efd15dafd6b321a030e2a957800e1b2ef6e038b49cd71e3"}]]}], "hex": "00f8\#
    0c090dfaff8612274311630f0307fb0a3a9008100334327cb841051908ff0517021066200efc05446965676f\#
    f801f810190520212223fca168747470733a2f2f6d6d672e77686174736170702e6e65742f762f7436322e37\#
    3131382d32342f36393633333532385f3130373333373535343530343231365f313632323339323837363933\#
    323335305f6e2e656e633f6363623d31312d34266f683d30315f3441654c446b322d374d366242755f693949\#
    645f6f637752566b355065697a41266f653d4232454237313341265f6e635f7369643d35653033653024ff03\#
    32496625ff02120026ff02160027fc2c654a6b30737047535a716b74586765485265626a3259646b64534a39\#
    6244455136545562385934484769593dfc20001de3a4cb7d2a2e2efd15dafd6b321a030e2a957800e1b2ef6e\#
    038b49cd71e3"}
    {"name": "features", "node": ["stream:features", [], {"n": [["readreceipts", []], ["grou\#
    ps_v2", []], ["privacy", []], ["presence", []], ["w:profile:picture", []], ["pong", []]\#
    , ["status", []]]}], "hex": "00f80234f807f80135f80136f80137f80117f80138f80139f8013a"}
    {"name": "auth", "node": ["auth", ["user", "5556975888437", "mechanism", "WAUTH-2", "pas\#
    sive", "true"], {"b": "d09c9093c0ed74597699cb4ebf972a99b9cf28483cf9a40e0dd51fa7b094b2b6d\#
    47da191b0c47235e25388c99c2b2dc56ae5f07cfe0f1ac2ad3de8de09592d5f"}], "hex": "00f8083b12ff\#
    875556975888437f3c3d3e33fc40d09c9093c0ed74597699cb4ebf972a99b9cf28483cf9a40e0dd51fa7b094\#
    b2b6d47da191b0c47235e25388c99c2b2dc56ae5f07cfe0f1ac2ad3de8de09592d5f"}
    """#
