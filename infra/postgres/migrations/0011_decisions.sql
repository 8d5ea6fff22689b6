-- How many decisions about each campaign were answered, whoever made the campaign: the order of answers is the order of
-- decisions, also when the next one is answered by a server whose clock is behind.
create table campaign.decisions (
    campaign_id uuid   primary key,
    decision    bigint not null
);
